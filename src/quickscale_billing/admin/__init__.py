"""What staff sees and does."""

from quickscale_billing.admin.catalog import PackAdmin, PlanAdmin
from quickscale_billing.admin.settling import FactAdmin, InboxAdmin, PurchaseAdmin, SubscriptionAdmin

__all__ = ["FactAdmin", "InboxAdmin", "PackAdmin", "PlanAdmin", "PurchaseAdmin", "SubscriptionAdmin"]
