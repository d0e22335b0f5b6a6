"""Who paid how much for subscriptions, and how long: told by the segments of paid time.

A segment's `monthly` was written down when it was paid. It begins when its period does, though its money came later;
so what is said of a past day can still rise while a payment is late, and is exact once that is settled.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.db.models import F, Q, Window
from django.db.models.functions import Coalesce, Lag, Lead
from django.utils import timezone

from quickscale_billing.conf import conf
from quickscale_billing.models import PaidSegment, PlanSubscription
from quickscale_credits.analytics import Period, remembered

Status = PlanSubscription.Status
NAMES = ("subscription__account_id", "currency", "monthly", "starts_at", "until")


@dataclass(frozen=True, kw_only=True)
class Span:
    """A time in which a subscription was paid for without a break and at the same monthly value."""

    account: int
    currency: str
    monthly: int
    starts_at: datetime
    until: datetime


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


@remembered
def spans() -> list[Span]:
    """Of all time. Segments that follow on each other at the same value are joined by the database."""
    now = timezone.now()
    found: list[Span] = []
    first: datetime | None = None
    for row in _ends_of_runs():
        account, currency, monthly, starts_at, until, ended_at, status, is_first, is_last, is_final = row
        first = starts_at if is_first else first
        if is_last and first is not None:
            span = Span(account=account, currency=currency, monthly=monthly, starts_at=first, until=until)
            found.append(_cut(span, ended_at, status, now) if is_final or ended_at else span)
    return [span for span in found if span.until > span.starts_at]


def _ends_of_runs() -> Iterator[tuple[Any, ...]]:
    order: dict[str, Any] = {"partition_by": "subscription_id", "order_by": ["starts_at", "pk"]}
    segments = PaidSegment.objects.filter(monthly__gt=0).annotate(until=Coalesce("closed_at", "ends_at"))
    neighbors = segments.filter(until__gt=F("starts_at")).annotate(
        until_before=Window(Lag("until"), **order),
        monthly_before=Window(Lag("monthly"), **order),
        starts_after=Window(Lead("starts_at"), **order),
        monthly_after=Window(Lead("monthly"), **order),
    )
    is_joined_before = Q(until_before=F("starts_at"), monthly_before=F("monthly"))
    is_joined_after = Q(starts_after=F("until"), monthly_after=F("monthly"))
    ends = neighbors.exclude(
        is_joined_before & is_joined_after & Q(until_before__isnull=False) & Q(starts_after__isnull=False)
    )
    rows = ends.order_by("subscription_id", "starts_at", "pk").values_list(
        *NAMES,
        "subscription__ended_at",
        "subscription__status",
        "until_before",
        "monthly_before",
        "starts_after",
        "monthly_after",
    )
    for *known, until_before, monthly_before, starts_after, monthly_after in rows.iterator(chunk_size=5_000):
        monthly, starts_at, until = known[2:5]
        is_first = (until_before, monthly_before) != (starts_at, monthly)
        is_last = (starts_after, monthly_after) != (until, monthly)
        yield *known, is_first, is_last, starts_after is None


def _cut(span: Span, ended_at: datetime | None, status: str, now: datetime) -> Span:
    """It ends with its subscription. One that lives still lasts while its renewal is collected."""
    if ended_at is not None:
        return replace(span, until=min(span.until, ended_at))
    is_late = status == Status.PAST_DUE or (status == Status.ACTIVE and now < span.until + conf.REFILL_GRACE)
    return replace(span, until=max(span.until, now + conf.REFILL_GRACE)) if is_late else span


def edges(period: Period) -> list[datetime]:
    """The beginning of each place, and the end of the last; what is to come is as it is now."""
    now = timezone.now()
    return [
        min(edge, now) for edge in [*(period.midnight(max(each, period.start)) for each in period.places), period.until]
    ]


def ends(period: Period) -> list[datetime]:
    now = timezone.now()
    return [min(period.since, now), min(period.until, now)]


def per_currency(moments: Sequence[datetime]) -> dict[str, list[Movement]]:
    """For each currency, what happened between each two of the moments."""
    return moved(spans(), moments, key=lambda span: span.account, group=lambda span: span.currency)


def of_customers(moments: Sequence[datetime]) -> list[Movement]:
    """Only the counts say something: an account pays, whatever the currency."""
    found = moved(spans(), moments, key=lambda span: span.account, group=lambda _span: "")
    return found.get("") or [Movement() for _ in moments[1:]]


def moved(
    found: Iterable[Span],
    moments: Sequence[datetime],
    *,
    key: Callable[[Span], Hashable],
    group: Callable[[Span], str],
) -> dict[str, list[Movement]]:
    steps: dict[tuple[str, Hashable], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    began: dict[tuple[str, Hashable], datetime] = {}
    for span in found:
        whose = group(span), key(span)
        began[whose] = min(span.starts_at, began.get(whose, span.starts_at))
        first, end = bisect_left(moments, span.starts_at), bisect_left(moments, span.until)
        if first < end:
            steps[whose][first] += span.monthly
            steps[whose][end] -= span.monthly
    movements = {name: [Movement() for _ in moments[1:]] for name, _owner in began}
    for (name, owner), changes in steps.items():
        _add(movements[name], changes, began[name, owner], moments)
    for series in movements.values():
        for before, after in pairwise(series):
            after.start, after.counts["start"] = before.end, before.count
    return movements


def _add(movements: list[Movement], changes: dict[int, int], began: datetime, moments: Sequence[datetime]) -> None:
    value = changes.pop(0, 0)
    if value:
        movements[0].start += value
        movements[0].counts["start"] += 1
    for place in sorted(changes):
        if place == len(moments):
            break
        before, value = value, value + changes[place]
        if before != value:
            movements[place - 1].add(before, value, is_known=began < moments[place - 1])
