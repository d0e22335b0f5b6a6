"""What staff sees and does."""

from quickscale_billing.admin.catalog import PackAdmin, PlanAdmin

__all__ = ["PackAdmin", "PlanAdmin"]
