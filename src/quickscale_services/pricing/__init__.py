"""What a service costs, as an expression: `cost = pricing.Fixed(2) + pricing.PerUnit("pages", "0.1")`."""

from quickscale_services.pricing.expressions import Amount, Fixed, FromInput, PerToken, PerUnit, Price, Sum

__all__ = ["Amount", "Fixed", "FromInput", "PerToken", "PerUnit", "Price", "Sum"]
