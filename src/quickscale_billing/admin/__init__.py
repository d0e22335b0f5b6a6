"""What staff sees and does."""

from quickscale_billing.admin.catalog import PackAdmin, PlanAdmin
from quickscale_billing.admin.history import latest_history
from quickscale_billing.admin.money import DisputeAdmin, InvoiceAdmin, PaymentAdmin, RefundAdmin
from quickscale_billing.admin.settling import FactAdmin, InboxAdmin, PurchaseAdmin, SubscriptionAdmin

__all__ = [
    "DisputeAdmin",
    "FactAdmin",
    "InboxAdmin",
    "InvoiceAdmin",
    "PackAdmin",
    "PaymentAdmin",
    "PlanAdmin",
    "PurchaseAdmin",
    "RefundAdmin",
    "SubscriptionAdmin",
    "latest_history",
]
