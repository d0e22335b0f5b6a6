"""What staff sees and does."""

from quickscale_billing.admin.catalog import PackAdmin, PlanAdmin
from quickscale_billing.admin.history import latest_history
from quickscale_billing.admin.mail import MailAdmin
from quickscale_billing.admin.money import DisputeAdmin, InvoiceAdmin, PaymentAdmin, RefundAdmin
from quickscale_billing.admin.settling import FactAdmin, InboxAdmin, PurchaseAdmin, SubscriptionAdmin
from quickscale_billing.admin.topping_up import AutoTopUpAdmin, TopUpAdmin, TopUpConsentAdmin
from quickscale_billing.stripe import staff

__all__ = [
    "AutoTopUpAdmin",
    "DisputeAdmin",
    "FactAdmin",
    "InboxAdmin",
    "InvoiceAdmin",
    "MailAdmin",
    "PackAdmin",
    "PaymentAdmin",
    "PlanAdmin",
    "PurchaseAdmin",
    "RefundAdmin",
    "SubscriptionAdmin",
    "TopUpAdmin",
    "TopUpConsentAdmin",
    "latest_history",
]

staff.ask_for_permissions()
