"""A service's price, before anybody has said what it shall work on."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from quickscale_services.pricing.expressions import Fixed, Price, as_price
from quickscale_services.pricing.quoting import has_own_cost

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.models import Service


def fixed_price(service: BaseService, switch: Service) -> Decimal | None:
    """None if it depends on the input, or on what is used."""
    override: Decimal | None = switch.cost_override
    if override is not None:
        return override
    if has_own_cost(service):
        return None
    price = as_price(service.cost)
    return None if price.units else price.tariff(None).fixed


def price_label(service: BaseService, switch: Service) -> str:
    if switch.cost_override is not None:
        return str(Fixed(switch.cost_override))
    if has_own_cost(service) and not isinstance(service.cost, Price):
        return _("Price by input")
    return str(as_price(service.cost))
