"""The rows of billing."""

from quickscale_billing.models.catalog import CreditPack, Interval, Plan, PlanPrice, Unused
from quickscale_billing.models.checkouts import CheckoutSession
from quickscale_billing.models.customers import Customer

__all__ = [
    "CheckoutSession",
    "CreditPack",
    "Customer",
    "Interval",
    "Plan",
    "PlanPrice",
    "Unused",
]
