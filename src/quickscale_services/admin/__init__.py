"""Services to switch and to compare, keys to revoke, and runs to look at and to credit back."""

from quickscale_services.admin.keys import KeyAdmin
from quickscale_services.admin.runs import RunAdmin
from quickscale_services.admin.services import ServiceAdmin

__all__ = ["KeyAdmin", "RunAdmin", "ServiceAdmin"]
