from __future__ import annotations

from django import template

from quickscale_billing.models.catalog import Priced
from quickscale_billing.money import formatted

register = template.Library()


@register.filter
def price(priced: Priced) -> str:
    """What a pack or an interval of a plan costs: “49.00 USD”."""
    return formatted(priced.amount, priced.currency)
