"""What the rollups of runs say, with the days that are not closed read live, in one statement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from django.db.models import Q, QuerySet, Value

from quickscale_credits.amounts import from_micro
from quickscale_credits.analytics import Period, remembered, rolling
from quickscale_credits.analytics.comparing import Compared
from quickscale_credits.analytics.memory import asked_about
from quickscale_credits.analytics.merging import summed, told
from quickscale_credits.analytics.reading import NONE, spans
from quickscale_services.analytics import rollups
from quickscale_services.models import ArchivedRuns, ServiceAccountRollup, ServiceRollup, ServiceRun

SUCCEEDED = ServiceRun.Status.SUCCEEDED
FAILED = (ServiceRun.Status.FAILED, ServiceRun.Status.EXPIRED)


NOTHING = 0, Decimal(0)
Numbers: TypeAlias = tuple[int, ...]  # as `rollups.NUMBERS`


class Row(NamedTuple):
    """Runs of a place of a period; `at_most` is their class of duration, and 0 where it was not asked for."""

    period: Period
    place: date
    service: str
    status: str
    error_code: str
    at_most: int
    numbers: Numbers


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


def outcomes(period: Period, *, with_durations: bool = False) -> list[Outcome]:
    """From the reading that has the durations, for who asks for them too."""
    found: defaultdict[tuple[str, str, str], list[Numbers]] = defaultdict(list)
    for row in _rows(period, with_durations=with_durations):
        found[row.service, row.status, row.error_code].append(row.numbers)
    return [_outcome(*key, *map(sum, zip(*numbers, strict=True))) for key, numbers in found.items()]


def _outcome(
    service: str, status: str, error_code: str, runs: int, cost: int, known: int, known_cost: int, provider_cost: int
) -> Outcome:
    return Outcome(
        service=service,
        status=status,
        error_code=error_code,
        runs=runs,
        cost=from_micro(cost),
        known_runs=known,
        known_cost=from_micro(known_cost),
        provider_cost=from_micro(provider_cost),
    )


def by_service(period: Period) -> dict[str, dict[date, tuple[int, Decimal]]]:
    """At each place, how many runs there were and what they cost; from the reading that has the durations."""
    return _by_place(period, ((row.service, row) for row in _rows(period, with_durations=True)))


def by_error(period: Period) -> dict[str, dict[date, tuple[int, Decimal]]]:
    """Likewise by error code, of the runs that have one."""
    return _by_place(period, ((row.error_code, row) for row in _rows(period) if row.error_code))


def _by_place(period: Period, rows: Iterable[tuple[str, Row]]) -> dict[str, dict[date, tuple[int, Decimal]]]:
    found: defaultdict[str, dict[date, tuple[int, int]]] = defaultdict(dict)
    for name, row in rows:
        runs, cost, *_rest = row.numbers
        number, micro = found[name].get(row.place, (0, 0))
        found[name][row.place] = number + runs, micro + cost
    return {
        name: period.filled({place: (runs, from_micro(cost)) for place, (runs, cost) in places.items()}, NOTHING)
        for name, places in found.items()
    }


@remembered
def durations(period: Period) -> dict[str, dict[date, Counter[int]]]:
    """By service and place: how many runs that succeeded there are in each class of duration."""
    found: dict[str, dict[date, Counter[int]]] = defaultdict(lambda: defaultdict(Counter))
    for row in _rows(period, with_durations=True):
        if row.at_most:
            found[row.service][row.place][row.at_most] += row.numbers[0]
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


def accounts(period: Period) -> int:
    """How many different accounts ran something."""
    [(number,)] = summed(_account_parts(period), by=[], sums=["COUNT(DISTINCT account_id)"])
    return int(number)


def accounts_by_service(period: Period) -> dict[str, int]:
    rows = summed(_account_parts(period), by=["service"], sums=["COUNT(DISTINCT account_id)"])
    return {service: int(number) for service, number in rows}


def charged_most(period: Period, number: int) -> list[tuple[int, int, Decimal]]:
    """Account, runs, cost: those that were charged most for runs."""
    rows = told(_account_parts(period), _CHARGED_MOST.replace("{number}", f"{number:d}"))
    return [(pk, int(runs), from_micro(int(cost))) for pk, runs, cost in rows]


_CHARGED_MOST = """
SELECT account_id, SUM(runs), SUM(cost) FROM {parts} GROUP BY account_id
ORDER BY SUM(cost) DESC, SUM(runs) DESC, account_id LIMIT {number}
"""


def _rows(period: Period, *, with_durations: bool = False) -> list[Row]:
    return [row for row in _counted(Compared(asked_about(period)), with_durations) if row.period == period]


@remembered
def _counted(compared: Compared, with_durations: bool) -> list[Row]:
    by = ["number", "service", "status", "error_code", *(["at_most"] if with_durations else [])]
    sums = [f"SUM({name})" for name in rollups.NUMBERS]
    found = []
    for number, service, status, error_code, *rest in summed(_parts(compared, with_durations), by=by, sums=sums):
        period, place = compared.place(number)
        at_most, *numbers = map(int, rest if with_durations else [0, *rest])
        found.append(Row(period, place, service, status, error_code, at_most, tuple(numbers)))
    return found


def _parts(compared: Compared, with_durations: bool) -> list[QuerySet[Any]]:
    whole, closed_until = compared.whole, _closed_until()
    rows = ServiceRollup.objects.using(rolling.database()).filter(day__gte=whole.start, day__lte=whole.end)
    closed = rows.filter(day__lt=closed_until) if closed_until else rows.filter(NONE)
    told = closed.annotate(number=compared.number_of_day("day"))
    live, gone = _live(whole, closed_until), _archived(whole, closed_until)
    return [
        told.values_list("number", *rollups.KEY[1:], *rollups.NUMBERS),
        rollups.by_day(live, with_durations=with_durations, day=compared.number_of_time("created_at")),
        rollups.archived_by_day(gone, with_durations=with_durations, day=compared.number_of_day("day")),
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
    closed = rows.filter(start__lt=closed_until or period.start)
    parts = [closed.filter(each).values_list(*columns) for each in spans(period)]
    live = _live(period, closed_until).annotate(number=Value(1))
    gone = _archived(period, closed_until).values_list(*columns)
    return [*parts, live.values_list("service", "account_id", "number", "cost"), gone]
