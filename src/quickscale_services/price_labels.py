"""A service's price, before anybody has said what it shall work on."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_services.base import BaseService
from quickscale_services.price_words import in_credits

if TYPE_CHECKING:
    from quickscale_services.models import Service


def fixed_price(service: BaseService, switch: Service) -> Decimal | None:
    """None if it depends on the input."""
    override: Decimal | None = switch.cost_override
    if override is not None:
        return override
    if type(service).get_cost is not BaseService.get_cost:
        return None
    return from_micro(to_micro(service.cost))


def price_label(service: BaseService, switch: Service) -> str:
    price = fixed_price(service, switch)
    if price is None:
        return _("Price by input")
    if price == 0:
        return _("Free")
    return in_credits(price)
