"""The rows of billing."""

from quickscale_billing.models.catalog import CreditPack, Interval, Plan, PlanPrice, Unused
from quickscale_billing.models.checkouts import CheckoutSession
from quickscale_billing.models.customers import Customer
from quickscale_billing.models.facts import Fact, InboxItem
from quickscale_billing.models.mail import Mail
from quickscale_billing.models.money_back import Clawback, Dispute, FrozenGrant, Refund
from quickscale_billing.models.payments import Invoice, Payment
from quickscale_billing.models.purchases import Purchase
from quickscale_billing.models.receipts import Receipt
from quickscale_billing.models.rollups import CountedSale, SalesRollup, ValueChange
from quickscale_billing.models.subscriptions import PaidSegment, PlanSubscription, Refill
from quickscale_billing.models.taxes import PaymentTax
from quickscale_billing.models.topups import AutoTopUp, TopUp, TopUpConsent

__all__ = [
    "AutoTopUp",
    "CheckoutSession",
    "Clawback",
    "CountedSale",
    "CreditPack",
    "Customer",
    "Dispute",
    "Fact",
    "FrozenGrant",
    "InboxItem",
    "Interval",
    "Invoice",
    "Mail",
    "PaidSegment",
    "Payment",
    "PaymentTax",
    "Plan",
    "PlanPrice",
    "PlanSubscription",
    "Purchase",
    "Receipt",
    "Refill",
    "Refund",
    "SalesRollup",
    "TopUp",
    "TopUpConsent",
    "Unused",
    "ValueChange",
]
