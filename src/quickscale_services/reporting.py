"""What services did in a period: how often, for how many, how fast, and for how many credits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from quickscale_credits.models import LedgerEntry
from quickscale_services.models import ServiceRun

Status = ServiceRun.Status


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceUsage:
    """`credits` were charged and `credited_back` returned of them; `p50` and `p95` are of the runs that succeeded."""

    service: str
    runs: int
    failures: int
    accounts: int
    credits: Decimal
    credited_back: Decimal
    p50: timedelta | None
    p95: timedelta | None

    @classmethod
    def columns(cls) -> list[str]:
        return [field.name for field in fields(cls)]


def usage(since: datetime, until: datetime) -> list[ServiceUsage]:
    """Of the runs that were asked for from `since` on and before `until`, by service. Three queries, however many."""
    runs = ServiceRun.objects.filter(created_at__gte=since, created_at__lt=until)
    percentiles, returned = _percentiles(runs), _credited_back(since, until)
    return [
        ServiceUsage(
            **counted,
            credited_back=returned.get(counted["service"], Decimal(0)),
            p50=percentiles.get((counted["service"], 50)),
            p95=percentiles.get((counted["service"], 95)),
        )
        for counted in _counted(runs)
    ]


def _counted(runs: QuerySet[ServiceRun]) -> Iterable[Any]:
    counted = runs.values("service").annotate(
        runs=Count("pk"),
        failures=Count("pk", filter=Q(status__in=[Status.FAILED, Status.EXPIRED])),
        accounts=Count("account_id", distinct=True),
        credits=Sum("cost"),
    )
    return counted.order_by("service")


def _percentiles(runs: QuerySet[ServiceRun]) -> dict[tuple[str, int], timedelta | None]:
    """The shortest duration that 50, and 95, of a hundred do not exceed: of real runs, counted off by any database."""
    place: Any = Window(RowNumber(), partition_by=F("service"), order_by=F("duration").asc())
    number: Any = Window(Count("pk"), partition_by=F("service"))
    ranked = runs.filter(status=Status.SUCCEEDED, duration__isnull=False).annotate(place=place, number=number)
    is_either = Q(beyond_50__gte=0, beyond_50__lt=100) | Q(beyond_95__gte=0, beyond_95__lt=100)
    found = ranked.annotate(beyond_50=_beyond(50), beyond_95=_beyond(95)).filter(is_either)
    return {
        (service, percent): duration
        for service, duration, *places in found.values_list("service", "duration", "beyond_50", "beyond_95")
        for percent, place in zip((50, 95), places, strict=True)
        if 0 <= place < 100
    }


def _beyond(percent: int) -> Any:
    """At least 0, and below 100, for the first that is no shorter than so many of a hundred."""
    return F("place") * 100 - F("number") * percent


def _credited_back(since: datetime, until: datetime) -> dict[str, Decimal]:
    """All that was reversed of these runs' charges, whoever did it."""
    reversals = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.REVERSAL, origin__run__created_at__gte=since, origin__run__created_at__lt=until
    )
    summed = reversals.values("origin__run__service").annotate(sum=Sum("amount")).order_by()
    return dict(summed.values_list("origin__run__service", "sum"))
