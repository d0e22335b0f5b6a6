"""What the rollups of runs say, with the days that are not closed read live, in one statement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet, Value

from quickscale_credits.amounts import from_micro
from quickscale_credits.analytics import Granularity, Period, remembered, rolling
from quickscale_credits.analytics.merging import summed
from quickscale_credits.analytics.reading import NONE, as_date, is_whole_month
from quickscale_services.analytics import rollups
from quickscale_services.models import ArchivedRuns, ServiceAccountRollup, ServiceRollup, ServiceRun

ONE_DAY = timedelta(days=1)
SUCCEEDED = ServiceRun.Status.SUCCEEDED
FAILED = (ServiceRun.Status.FAILED, ServiceRun.Status.EXPIRED)
Span = ServiceAccountRollup.Span


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Runs of a service that ended alike. `known_…` are those whose provider cost was recorded."""

    service: str
    status: str
    error_code: str
    runs: int
    cost: Decimal
    known_runs: int
    known_cost: Decimal
    provider_cost: Decimal


@remembered
def outcomes(period: Period) -> list[Outcome]:
    numbers = [f"SUM({name})" for name in rollups.NUMBERS]
    rows = summed(_parts(period), by=["service", "status", "error_code"], sums=numbers)
    return [
        Outcome(
            service=service,
            status=status,
            error_code=error_code,
            runs=int(runs),
            cost=from_micro(int(cost)),
            known_runs=int(known),
            known_cost=from_micro(int(known_cost)),
            provider_cost=from_micro(int(provider_cost)),
        )
        for service, status, error_code, runs, cost, known, known_cost, provider_cost in rows
    ]


@remembered
def by_place(period: Period, column: str) -> dict[str, dict[date, tuple[int, Decimal]]]:
    """For each value of `service` or of `error_code`: at each place, how many runs there were and what they cost."""
    found: dict[str, dict[date, tuple[int, Decimal]]] = defaultdict(dict)
    for value, day, runs, cost in summed(_parts(period), by=[column, "day"], sums=["SUM(runs)", "SUM(cost)"]):
        place = period.place(as_date(day))
        number, amount = found[value].get(place, (0, Decimal(0)))
        found[value][place] = number + int(runs), amount + from_micro(int(cost))
    return {value: period.filled(places, (0, Decimal(0))) for value, places in found.items()}


@remembered
def durations(period: Period) -> dict[str, dict[date, Counter[int]]]:
    """By service and place: how many runs that succeeded there are in each class of duration."""
    found: dict[str, dict[date, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    by = ["service", _number_of_place(period), "at_most"]
    for service, number, at_most, runs in summed(_parts(period, with_durations=True), by=by, sums=["SUM(runs)"]):
        if at_most:
            found[service][period.places[int(number)]][int(at_most)] += int(runs)
    return {service: {place: places[place] for place in period.places} for service, places in found.items()}


def durations_by_service(period: Period) -> dict[str, Counter[int]]:
    return {service: _together(places.values()) for service, places in durations(period).items()}


def durations_by_place(period: Period, services: Collection[str] | None = None) -> dict[date, Counter[int]]:
    """Of these services together, or of all."""
    found = [places for service, places in durations(period).items() if services is None or service in services]
    return {place: _together(places[place] for places in found) for place in period.places}


def _together(counted: Iterable[Counter[int]]) -> Counter[int]:
    found: Counter[int] = Counter()
    for each in counted:
        found.update(each)
    return found


def _number_of_place(period: Period) -> str:
    """SQL for which of the places a row's `day` belongs to, so that the database gives a row for each of them."""

    def between(first: int, end: int) -> str:
        if end - first == 1:
            return str(first)
        middle = (first + end) // 2
        return (
            f"CASE WHEN day < '{period.places[middle]:%Y-%m-%d}' "
            f"THEN {between(first, middle)} ELSE {between(middle, end)} END"
        )

    # Never a mere number: GROUP BY would take it for that of a column.
    return f"CASE WHEN day IS NULL THEN 0 ELSE {between(0, len(period.places))} END"


def accounts(period: Period) -> int:
    """How many different accounts ran something."""
    [(number,)] = summed(_account_parts(period), by=[], sums=["COUNT(DISTINCT account_id)"])
    return int(number)


def accounts_by_service(period: Period) -> dict[str, int]:
    rows = summed(_account_parts(period), by=["service"], sums=["COUNT(DISTINCT account_id)"])
    return {service: int(number) for service, number in rows}


def charged_most(period: Period, number: int) -> list[tuple[int, int, Decimal]]:
    """Account, runs, cost: those that were charged most for runs."""
    order = f"ORDER BY SUM(cost) DESC, SUM(runs) DESC, account_id LIMIT {number:d}"
    rows = summed(_account_parts(period), by=["account_id"], sums=["SUM(runs)", "SUM(cost)"], rest=order)
    return [(pk, int(runs), from_micro(int(cost))) for pk, runs, cost in rows]


def _parts(period: Period, *, with_durations: bool = False) -> list[QuerySet[Any]]:
    closed_until = _closed_until()
    rows = ServiceRollup.objects.using(rolling.database()).filter(day__gte=period.start, day__lte=period.end)
    closed = rows.filter(day__lt=closed_until) if closed_until else rows.filter(NONE)
    return [
        closed.values_list(*rollups.KEY, *rollups.NUMBERS),
        rollups.by_day(_live(period, closed_until), with_durations=with_durations),
        rollups.archived_by_day(_archived(period, closed_until), with_durations=with_durations),
    ]


def _closed_until() -> date | None:
    watermark = rolling.usable_watermark(rollups.name)
    return watermark.closed_until if watermark else None


def _live(period: Period, closed_until: date | None) -> QuerySet[ServiceRun]:
    """With one lower bound: given two, SQLite may search from the earlier one."""
    since = max(period.since, rollups.midnight(closed_until)) if closed_until else period.since
    return rollups.runs().filter(created_at__gte=since, created_at__lt=period.until)


def _archived(period: Period, closed_until: date | None) -> QuerySet[ArchivedRuns]:
    """Of days that are not closed: only while rollups are counted anew."""
    since = max(period.start, closed_until) if closed_until else period.start
    return rollups.archived().filter(day__gte=since, day__lte=period.end)


def _account_parts(period: Period) -> list[QuerySet[Any]]:
    """Service, account, runs, cost: of whole months by month, of the days beside them by day."""
    closed_until = _closed_until()
    rows = ServiceAccountRollup.objects.using(rolling.database()).filter(Q() if closed_until else NONE)
    columns = ("service", "account_id", "runs", "cost")
    parts = [rows.filter(_spans(period), start__lt=closed_until or period.start).values_list(*columns)]
    live = _live(period, closed_until).annotate(number=Value(1))
    gone = _archived(period, closed_until).values_list(*columns)
    return [*parts, live.values_list("service", "account_id", "number", "cost"), gone]


def _spans(period: Period) -> Q:
    if period.granularity == Granularity.DAY:
        return Q(span=Span.DAY, start__gte=period.start, start__lte=period.end)
    whole = [place for place in period.places if is_whole_month(place, period)]
    beside = Q()
    for place in period.places:
        if place not in whole:
            beside |= Q(span=Span.DAY, start__gte=max(place, period.start), start__lte=period.last_day(place))
    return beside | Q(span=Span.MONTH, start__in=whole)
