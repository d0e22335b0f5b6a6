"""What a run is held at, and by what it is priced in the end."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from django.utils.translation import gettext as _

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_credits.exceptions import InvalidAmount
from quickscale_services.base import BaseService
from quickscale_services.exceptions import InvalidInput, ServiceFailed, UnknownUnit
from quickscale_services.pricing.expressions import Price, as_price
from quickscale_services.pricing.quantities import quantity
from quickscale_services.pricing.tariffs import Tariff

if TYPE_CHECKING:
    from quickscale_services.models import Service, ServiceRun

logger = logging.getLogger("quickscale_services")


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """`is_final` where an administrator's price stands, whatever the service charges or records.

    `units` may be recorded; where there are none, because no price depends on them, any may.
    """

    held: Decimal
    units: frozenset[str]
    tariff: Tariff = field(default_factory=Tariff)
    is_final: bool = False

    def as_json(self) -> dict[str, Any] | None:
        """As a run keeps it; None for a service without a metered price."""
        if self.is_final:
            return {"final": format(self.held, "f")}
        return self.tariff.as_json() if self.tariff.rates else None

    @classmethod
    def of(cls, run: ServiceRun, service: BaseService) -> Self:
        """As it was when the credits of this run were held."""
        price = run.price or {}
        tariff = Tariff.from_json(price) if "rates" in price else Tariff()
        held = run.hold.amount if run.hold else Decimal(0)
        return cls(held=held, units=units_of(service) | tariff.units, tariff=tariff, is_final="final" in price)


def quote(service: BaseService, data: Any, switch: Service) -> Quote:
    """Raises `InvalidInput`, and `ServiceFailed` where the service or its price cannot tell."""
    override: Decimal | None = switch.cost_override
    if override is not None:
        return Quote(held=override, units=units_of(service), is_final=True)
    try:
        tariff = tariff_of(service, data)
        return Quote(held=_held(service, data, tariff), units=units_of(service), tariff=tariff)
    except InvalidInput:
        raise
    except Exception as error:  # a service's own code, which may raise anything
        logger.warning("%s could not tell its price.", service.name, exc_info=error)
        message = _("“%(service)s” could not tell its price; nothing was charged.") % {"service": service}
        raise ServiceFailed(message) from error


def tariff_of(service: BaseService, data: Any) -> Tariff:
    """Where a service has a `get_cost` of its own, its `cost` need be no price."""
    is_price = isinstance(service.cost, Price) or not has_own_cost(service)
    return as_price(service.cost).tariff(data) if is_price else Tariff()


def most(service: BaseService, data: Any, tariff: Tariff) -> Decimal:
    """What the units cost that the service estimates. Raises `UnknownUnit`, `ValueError` for a unit left out."""
    if not tariff.rates:
        return tariff.fixed
    price, said = as_price(service.cost), service.estimate_units(data)
    estimated = {unit: quantity(number, f"The estimate of {unit}") for unit, number in said.items()}
    require_known(estimated, price.units)
    for part in price.parts:
        if part.units and part.units.isdisjoint(estimated):
            raise ValueError(f"estimate_units must say the most of {' or '.join(sorted(part.units))} that may be used.")
    return tariff.cost(estimated)


def require_known(named: Iterable[str], known: frozenset[str]) -> None:
    """Raises `UnknownUnit`."""
    if unknown := sorted(set(named) - known):
        raise UnknownUnit(f"The price has no unit {', '.join(unknown)}; it has {', '.join(sorted(known))}.")


def units_of(service: BaseService) -> frozenset[str]:
    """What its price depends on."""
    return service.cost.units if isinstance(service.cost, Price) else frozenset()


def has_own_cost(service: BaseService) -> bool:
    return type(service).get_cost is not BaseService.get_cost


def _held(service: BaseService, data: Any, tariff: Tariff) -> Decimal:
    held = service.get_cost(data) if has_own_cost(service) else most(service, data, tariff)
    held = from_micro(to_micro(held))
    if held < 0:
        raise InvalidAmount(f"get_cost must say 0 or more, not {held}.")
    return held
