"""What the panels about services have in common."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from quickscale_credits.analytics import Column, Series, Unit, percent
from quickscale_services.analytics.reading import FAILED, SUCCEEDED, Outcome
from quickscale_services.labels import label
from quickscale_services.registry import registry

DRAWN = 5
OTHERS = _("Others")
SERVICE = Column(key="service", label=_("Service"), unit=Unit.TEXT)


def by_service(found: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    services: dict[str, list[Outcome]] = {}
    for each in sorted(found, key=lambda each: each.service):
        services.setdefault(each.service, []).append(each)
    return services


def runs(found: Iterable[Outcome]) -> int:
    return sum(each.runs for each in found)


def cost(found: Iterable[Outcome]) -> Decimal:
    return sum((each.cost for each in found), Decimal(0))


def success(found: Iterable[Outcome]) -> Decimal | None:
    outcomes = list(found)
    succeeded = runs(each for each in outcomes if each.status == SUCCEEDED)
    return percent(succeeded, succeeded + runs(each for each in outcomes if each.status in FAILED))


def title(service: str) -> str:
    return str(registry[service]) if service in registry else service


def error_words(code: str) -> str:
    return label(code)


def stacked(found: dict[str, Any], *, key: str, chart: Any, unit: Unit, words: Any = title) -> Iterable[Series]:
    """A series for each of those with most of it, and one for all others together."""
    which = 0 if unit == Unit.COUNT else 1
    amounts = {name: {place: pair[which] for place, pair in places.items()} for name, places in found.items()}
    ranked = sorted(amounts, key=lambda name: (-sum(amounts[name].values()), name))
    for name in ranked[:DRAWN]:
        yield Series(
            key=f"{key}-{name}", label=words(name), chart=chart, unit=unit, points=amounts[name], is_stacked=True
        )
    if others := ranked[DRAWN:]:
        points = {place: sum(amounts[name][place] for name in others) for place in amounts[others[0]]}
        yield Series(key=f"{key}-others", label=OTHERS, chart=chart, unit=unit, points=points, is_stacked=True)
