"""The rows of billing."""

from quickscale_billing.models.catalog import CreditPack, Interval, Plan, PlanPrice, Unused
from quickscale_billing.models.checkouts import CheckoutSession
from quickscale_billing.models.customers import Customer
from quickscale_billing.models.facts import Fact, InboxItem
from quickscale_billing.models.purchases import Purchase
from quickscale_billing.models.subscriptions import PaidSegment, PlanSubscription, Refill

__all__ = [
    "CheckoutSession",
    "CreditPack",
    "Customer",
    "Fact",
    "InboxItem",
    "Interval",
    "PaidSegment",
    "Plan",
    "PlanPrice",
    "PlanSubscription",
    "Purchase",
    "Refill",
    "Unused",
]
