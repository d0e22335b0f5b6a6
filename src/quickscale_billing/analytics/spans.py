"""What became of the monthly value of subscriptions from one moment to another: told by the segments of paid time.

A segment's `monthly` was written down when it was paid. It begins when its period does, though its money came later;
so what is said of a past day can still rise while a payment is late, and is exact once that is settled.

Each segment adds its value when it begins and takes it away when it ends. `rollup_usage` writes down what that comes to
for each subscription; those that have changed since are read from their segments.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any, TypeAlias

from django.db.models import BooleanField, Case, Exists, Expression, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from quickscale_billing.conf import conf
from quickscale_billing.models import PaidSegment, PlanSubscription, ValueChange
from quickscale_credits.analytics import Period, remembered, rolling
from quickscale_credits.analytics.memory import asked_about
from quickscale_credits.analytics.merging import together
from quickscale_credits.analytics.placing import Among

Status = PlanSubscription.Status
# Of an account and a group: by how much its value changed up to the moment with this index, from the one before it,
# and whether paid time began then. So many that they stay as the database gives them.
Change: TypeAlias = tuple[Any, ...]
Steps: TypeAlias = dict[int, int]  # by place
History: TypeAlias = tuple[str, int, tuple[tuple[int, int], ...]]


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

    def add(self, before: int, after: int, *, is_known: bool, number: int) -> None:
        """So many, each of which went from one value to the other."""
        if before == 0 and after:
            self._count("reactivated" if is_known else "new", after, number)
        elif after == 0 and before:
            self._count("churned", before, number)
        elif after > before:
            self.expansion += (after - before) * number
        else:
            self.contraction += (before - after) * number

    def begin(self, value: int, number: int) -> None:
        self._count("start", value, number)

    def _count(self, name: str, value: int, number: int) -> None:
        setattr(self, name, getattr(self, name) + value * number)
        self.counts[name] += number


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


def changes(moments: Sequence[datetime], group: Expression | F) -> Sequence[Change]:
    """Up to the first of the moments, and from each to the next; those after now are not to be relied on."""
    return together(_parts(moments, group))


def _parts(moments: Sequence[datetime], group: Expression | F) -> list[QuerySet[Any]]:
    written = _written().filter(at__lte=moments[-1])
    live = uncounted()
    begun = beginnings(live).filter(begins_at__lte=moments[-1])
    ended = endings(live).filter(stops_at__lte=moments[-1]).exclude(is_late("stops_at"), is_open=True)
    noted = [written.filter(is_open=False), written.filter(is_open=True).exclude(is_late("at"))]
    told: list[tuple[QuerySet[Any], str, Any, Any]] = [(each, "at", F("change"), F("begins")) for each in noted]
    told += [(begun, "begins_at", F("monthly"), F("is_real")), (ended, "stops_at", -F("monthly"), Value(False))]
    return [
        _told(rows.annotate(of_group=group, of_place=Among(at, tuple(moments), is_at_most=True)), change, begins)
        for rows, at, change, begins in told
    ]


def _written() -> QuerySet[ValueChange]:
    changes = ValueChange.objects.using(rolling.database()).order_by()
    return changes.exclude(subscription__in=uncounted())


def _told(rows: QuerySet[Any], change: Any, begins: Any) -> QuerySet[Any]:
    account = "account_id" if rows.model is ValueChange else "subscription__account_id"
    told: QuerySet[Any] = rows.annotate(of_account=F(account), of_change=change, of_beginning=begins)
    return told.values_list("of_account", "of_group", "of_place", "of_change", "of_beginning")


def edges(period: Period) -> tuple[datetime, ...]:
    """The beginning of each place, and the end of the last; what is to come is as it is now."""
    now = _now()
    midnights = [period.midnight(max(each, period.start)) for each in period.places]
    return tuple(min(edge, now) for edge in [*midnights, period.until])


@remembered
def _now() -> datetime:
    return timezone.now()


def ends(period: Period) -> tuple[datetime, datetime]:
    """Its beginning and its end, likewise."""
    return min(period.since, _now()), min(period.until, _now())


def by_currency(period: Period) -> dict[str, list[Movement]]:
    """For each currency, what happened in each place of the period; an account counts in each by itself."""
    return between(edges(period), _by_currency(period))


def by_currency_from_end_to_end(period: Period) -> dict[str, Movement]:
    """The same of the whole period: what came and went within it is not seen."""
    return {name: moved for name, [moved] in between(ends(period), _by_currency(period)).items()}


def _by_currency(period: Period) -> Histories:
    asked = asked_about(period)
    return histories(moments_of({*ends(asked.previous), *edges(asked)}), F("currency"))


def moments_of(moments: Collection[datetime]) -> tuple[datetime, ...]:
    return tuple(sorted(set(moments)))


@dataclass(frozen=True)
class Histories:
    """How many accounts have each history: the group, the place in which it began, and its changes in order.

    Most subscribers have the same as many others.
    """

    moments: tuple[datetime, ...]
    numbers: Counter[History]


@remembered
def histories(moments: tuple[datetime, ...], group: Expression | F) -> Histories:
    """`group` is of a change; an account counts in each by itself."""
    steps: dict[tuple[int, str], Steps] = {}
    began: dict[tuple[int, str], int] = {}
    for account, name, place, value, begins in sorted(changes(moments, group), key=_place_of):
        key = account, name
        if key not in steps:
            steps[key] = {place: value}
        else:
            steps[key][place] = steps[key].get(place, 0) + value
        if begins and key not in began:
            began[key] = place
    return Histories(moments, Counter((key[1], first, tuple(steps[key].items())) for key, first in began.items()))


_place_of = itemgetter(2)


def between(marks: Sequence[datetime], told: Histories) -> dict[str, list[Movement]]:
    """What happened in each group from each mark to the next. The marks are among the moments."""
    movements: defaultdict[str, list[Movement]] = defaultdict(lambda: [Movement() for _ in marks[1:]])
    stretches = [bisect_left(marks, moment) for moment in told.moments]
    for (name, began, changes), number in told.numbers.items():
        if stretches[changes[0][0]] == len(marks):
            continue
        steps: Steps = {}
        for place, change in changes:
            steps[stretches[place]] = steps.get(stretches[place], 0) + change
        _add(movements[name], steps, stretches[began], number)
    for series in movements.values():
        for before, after in pairwise(series):
            after.start, after.counts["start"] = before.end, before.count
    return dict(movements)


def _add(movements: list[Movement], steps: Steps, began: int, number: int) -> None:
    """The first step is up to the first mark; those after the last are of no movement."""
    value = 0
    for stretch, change in steps.items():
        before, value = value, value + change
        if before == value or stretch > len(movements):
            continue
        if stretch:
            movements[stretch - 1].add(before, value, is_known=began < stretch, number=number)
        else:
            movements[0].begin(value, number)
