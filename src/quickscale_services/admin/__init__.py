"""Services to switch and to compare, rate cards to renew, keys to revoke, and runs to look at and to credit back."""

from quickscale_services.admin.keys import KeyAdmin
from quickscale_services.admin.rate_cards import RateCardAdmin
from quickscale_services.admin.runs import RunAdmin
from quickscale_services.admin.services import ServiceAdmin

__all__ = ["KeyAdmin", "RateCardAdmin", "RunAdmin", "ServiceAdmin"]
