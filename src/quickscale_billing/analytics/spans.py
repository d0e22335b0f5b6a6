"""What became of the monthly value of subscriptions from one moment to another: told by the segments of paid time.

A segment's `monthly` was written down when it was paid. It begins when its period does, though its money came later;
so what is said of a past day can still rise while a payment is late, and is exact once that is settled.

Each segment adds its value when it begins and takes it away when it ends. `rollup_usage` writes down what that comes to
for each subscription; those that have changed since are read from their segments.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any, TypeAlias

from django.db.models import BooleanField, Case, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from quickscale_billing.conf import conf
from quickscale_billing.models import PaidSegment, PlanSubscription, ValueChange
from quickscale_credits.analytics import Period, remembered, rolling
from quickscale_credits.analytics.merging import summed, together

Status = PlanSubscription.Status
# Of an account and currency: by how much its value changed up to the moment with this index, from the one before it,
# and whether paid time began then. So many that they stay as the database gives them.
Change: TypeAlias = tuple[Any, ...]
Steps: TypeAlias = dict[int, int]  # by place


@dataclass(kw_only=True)
class Movement:
    """What became of monthly values from one moment to another, and of how many there were."""

    start: int = 0
    new: int = 0
    expansion: int = 0
    contraction: int = 0
    churned: int = 0
    reactivated: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("start", "new", "churned", "reactivated"), 0))

    @property
    def end(self) -> int:
        return self.start + self.new + self.expansion - self.contraction - self.churned + self.reactivated

    @property
    def count(self) -> int:
        """How many there are in the end."""
        return self.counts["start"] + self.counts["new"] - self.counts["churned"] + self.counts["reactivated"]

    def add(self, before: int, after: int, *, is_known: bool) -> None:
        if before == 0 and after:
            self._count("reactivated" if is_known else "new", after)
        elif after == 0 and before:
            self._count("churned", before)
        elif after > before:
            self.expansion += after - before
        else:
            self.contraction += before - after

    def _count(self, name: str, value: int) -> None:
        setattr(self, name, getattr(self, name) + value)
        self.counts[name] += 1


def uncounted() -> QuerySet[Any]:
    """The subscriptions whose changes are not written down as they are now."""
    return PaidSegment.objects.using(rolling.database()).filter(is_counted=False).order_by().values("subscription")


def paid_time(subscriptions: Any) -> QuerySet[Any]:
    """The segments with a value and a length of these; `until` is when each ended or ends."""
    segments = PaidSegment.objects.using(rolling.database()).filter(subscription__in=subscriptions, monthly__gt=0)
    return segments.order_by().annotate(until=Coalesce("closed_at", "ends_at")).filter(until__gt=F("starts_at"))


def beginnings(subscriptions: Any) -> QuerySet[Any]:
    """`begins_at`, which is when its subscription ended if that was before: then it is not `is_real`."""
    is_void = Q(subscription__ended_at__lte=F("starts_at"))
    begins_at = Case(When(is_void, then=F("subscription__ended_at")), default=F("starts_at"))
    is_real = Case(When(is_void, then=False), default=True, output_field=BooleanField())
    found: QuerySet[Any] = paid_time(subscriptions).annotate(begins_at=begins_at, is_real=is_real)
    return found


def endings(subscriptions: Any) -> QuerySet[Any]:
    """`stops_at` is with its subscription, if that is sooner. The last of one that has not ended `is_open`."""
    later = PaidSegment.objects.filter(
        Q(starts_at__gt=OuterRef("starts_at")) | Q(starts_at=OuterRef("starts_at"), pk__gt=OuterRef("pk")),
        Q(closed_at=None) | Q(closed_at__gt=F("starts_at")),
        subscription=OuterRef("subscription"),
        monthly__gt=0,
    )
    is_cut = Q(subscription__ended_at__lt=F("until"))
    stops_at = Case(When(is_cut, then=F("subscription__ended_at")), default=F("until"))
    is_open = Case(
        When(Q(subscription__ended_at=None) & ~Exists(later), then=True), default=False, output_field=BooleanField()
    )
    found: QuerySet[Any] = paid_time(subscriptions).annotate(stops_at=stops_at, is_open=is_open)
    return found


def is_late(at: str) -> Q:
    """Of an open end: whether the subscription lasts, while its renewal is collected."""
    lately = Q(**{f"{at}__gt": _now() - conf.REFILL_GRACE})
    return Q(subscription__status=Status.PAST_DUE) | Q(lately, subscription__status=Status.ACTIVE)


@remembered
def changes(moments: tuple[datetime, ...]) -> Sequence[Change]:
    """Up to the first of the moments, and from each to the next; the last of them is no later than now."""
    return together(_parts(moments))


def _parts(moments: Sequence[datetime]) -> list[QuerySet[Any]]:
    written = _written().filter(at__lte=moments[-1])
    live = uncounted()
    begun = beginnings(live).filter(begins_at__lte=moments[-1])
    ended = endings(live).filter(stops_at__lte=moments[-1]).exclude(is_late("stops_at"), is_open=True)
    changed, began = F("change"), F("begins")
    return [
        _told(written.filter(is_open=False), "at", moments, change=changed, begins=began),
        _told(written.filter(is_open=True).exclude(is_late("at")), "at", moments, change=changed, begins=began),
        _told(begun, "begins_at", moments, change=F("monthly"), begins=F("is_real")),
        _told(ended, "stops_at", moments, change=-F("monthly"), begins=Value(False)),
    ]


def firsts() -> dict[int, datetime]:
    """When each account first began to pay."""
    written = _written().filter(begins=True).annotate(began_at=F("at"), of_account=F("account_id"))
    begun = beginnings(uncounted()).filter(is_real=True)
    live = begun.annotate(began_at=F("starts_at"), of_account=F("subscription__account_id"))
    parts = [each.values_list("of_account", "began_at") for each in (written, live)]
    rows = summed(parts, by=["of_account"], sums=["MIN(began_at)"])
    return {account: as_moment(first) for account, first in rows}


def _written() -> QuerySet[ValueChange]:
    changes = ValueChange.objects.using(rolling.database()).order_by()
    return changes.exclude(subscription__in=uncounted())


def _told(rows: QuerySet[Any], at: str, moments: Sequence[datetime], *, change: Any, begins: Any) -> Any:
    account = "account_id" if rows.model is ValueChange else "subscription__account_id"
    told = rows.annotate(
        of_account=F(account),
        of_currency=F("currency"),
        of_place=place_among(at, moments),
        of_change=change,
        of_beginning=begins,
    )
    return told.values_list("of_account", "of_currency", "of_place", "of_change", "of_beginning")


def place_among(name: str, moments: Sequence[datetime]) -> Any:
    """How many of the moments lie before the time in the column: what has begun at a moment counts at it."""

    def between(first: int, end: int) -> Any:
        if first == end:
            return Value(first)
        middle = (first + end) // 2
        return Case(
            When(**{f"{name}__lte": moments[middle]}, then=between(first, middle)),
            default=between(middle + 1, end),
            output_field=IntegerField(),
        )

    return between(0, len(moments))


def edges(period: Period) -> tuple[datetime, ...]:
    """The beginning of each place, and the end of the last; what is to come is as it is now."""
    now = _now()
    midnights = [period.midnight(max(each, period.start)) for each in period.places]
    return tuple(min(edge, now) for edge in [*midnights, period.until])


@remembered
def _now() -> datetime:
    return timezone.now()


def by_currency(period: Period) -> dict[str, list[Movement]]:
    """For each currency, what happened in each place of the period; an account counts in each by itself."""
    return _moved(_accounts(edges(period), _currency_of), len(period.places))


def by_currency_from_end_to_end(period: Period) -> dict[str, Movement]:
    """The same of the whole period: what came and went within it is not seen."""
    return _from_end_to_end(period, "of_currency")


def of_customers(period: Period) -> list[Movement]:
    """Only the counts say something: an account pays, whatever the currency."""
    found = _moved(_accounts(edges(period), _no_currency), len(period.places))
    return found.get("") or [Movement() for _place in period.places]


def of_customers_from_end_to_end(period: Period) -> Movement:
    return _from_end_to_end(period, "''").get("") or Movement()


_place_of = itemgetter(2)


def _currency_of(change: Change) -> str:
    return str(change[1])


def _no_currency(_change: Change) -> str:
    return ""


@remembered
def _accounts(moments: tuple[datetime, ...], group: Callable[[Change], str]) -> list[tuple[str, int, Steps]]:
    """The group, the place in which it began, and its changes in order, of each account in each group."""
    steps: dict[tuple[int, str], Steps] = {}
    began: dict[tuple[int, str], int] = {}
    for each in sorted(changes(moments), key=_place_of):
        account, _currency, place, value, begins = each
        key = account, group(each)
        if key not in steps:
            steps[key] = {place: value}
        else:
            steps[key][place] = steps[key].get(place, 0) + value
        if begins and key not in began:
            began[key] = place
    return [(key[1], first, steps[key]) for key, first in began.items()]


def _from_end_to_end(period: Period, group: str) -> dict[str, Movement]:
    """`group` is SQL for what an account's values are added up by."""
    since, *_, until = edges(period)
    first = _ENDS.replace("{group}", group)
    rows = summed(_parts((since, until)), by=["of_name"], sums=_MOVED, first=first)
    return {
        name: Movement(
            start=int(start),
            new=int(new),
            expansion=int(expansion),
            contraction=int(contraction),
            churned=int(churned),
            reactivated=int(reactivated),
            counts={"start": int(had), "new": int(come), "churned": int(gone), "reactivated": int(back)},
        )
        for name, start, had, new, come, expansion, contraction, churned, gone, reactivated, back in rows
    }


_ENDS = """(
SELECT of_account, {group} AS of_name, SUM(of_change) AS after,
    SUM(CASE WHEN of_place = 0 THEN of_change ELSE 0 END) AS before,
    MAX(CASE WHEN of_place = 0 AND of_beginning THEN 1 ELSE 0 END) AS known
FROM {parts} GROUP BY of_account, of_name
) AS ends"""
_IS_NEW, _IS_BACK = "before = 0 AND after <> 0 AND known = 0", "before = 0 AND after <> 0 AND known = 1"
_IS_GONE, _STAYS = "before <> 0 AND after = 0", "before <> 0 AND after <> 0"
_MOVED = [
    f"SUM(CASE WHEN {case} THEN {value} ELSE 0 END)"
    for case, value in [
        ("before <> 0", "before"),
        ("before <> 0", "1"),
        (_IS_NEW, "after"),
        (_IS_NEW, "1"),
        (f"{_STAYS} AND after > before", "after - before"),
        (f"{_STAYS} AND after < before", "before - after"),
        (_IS_GONE, "before"),
        (_IS_GONE, "1"),
        (_IS_BACK, "after"),
        (_IS_BACK, "1"),
    ]
]


def _moved(accounts: Iterable[tuple[str, int, Steps]], number: int) -> dict[str, list[Movement]]:
    """`number` is how many times there are between moments."""
    movements: defaultdict[str, list[Movement]] = defaultdict(lambda: [Movement() for _ in range(number)])
    for name, began, steps in accounts:
        _add(movements[name], steps, began)
    for series in movements.values():
        for before, after in pairwise(series):
            after.start, after.counts["start"] = before.end, before.count
    return dict(movements)


def _add(movements: list[Movement], steps: Steps, began: int) -> None:
    value = 0
    for place, change in steps.items():
        before, value = value, value + change
        if before == value:
            continue
        if place:
            movements[place - 1].add(before, value, is_known=began < place)
        else:
            movements[0].start += value
            movements[0].counts["start"] += 1


def as_moment(value: Any) -> datetime:
    """SQLite gives moments as text, without their zone."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
