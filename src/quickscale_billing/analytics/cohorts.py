"""How many of those who began in a month stay."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from datetime import date, datetime

from django.utils import timezone

from quickscale_billing.analytics.spans import Span, spans
from quickscale_credits.analytics import Period

Cohort = tuple[date, int, list[int | None]]


def retention(period: Period, months: int) -> list[Cohort]:
    """For each month of the period in which somebody began: how many, and how many pay at the end of each month from
    then on; None for what is to come."""
    by_account: dict[int, list[Span]] = defaultdict(list)
    for span in spans():
        by_account[span.account].append(span)
    first = period.start.replace(day=1)
    starts = list(_months(first, period, months))
    ends = [period.midnight(each) for each in starts[1:]]
    counts: dict[int, list[int]] = defaultdict(lambda: [0] * len(ends))
    sizes: dict[int, int] = defaultdict(int)
    for owned in by_account.values():
        month = _month_of(min(span.starts_at for span in owned), period)
        if not first <= month <= period.end:
            continue
        index = starts.index(month)
        sizes[index] += 1
        for place in _paid_at(owned, ends):
            counts[index][place] += 1
    now = timezone.now()
    return [
        (starts[index], sizes[index], [_known(counts[index], ends, index + n, now) for n in range(months)])
        for index in sorted(sizes)
    ]


def _months(first: date, period: Period, months: int) -> list[date]:
    """The first days of those in which somebody may begin, and of as many after them as are shown, and one more."""
    last = period.end.replace(day=1)
    number = (last.year - first.year) * 12 + last.month - first.month + months + 1
    return [_later(first, index) for index in range(number)]


def _later(first: date, months: int) -> date:
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def _month_of(moment: datetime, period: Period) -> date:
    return moment.astimezone(period.zone).date().replace(day=1)


def _paid_at(owned: list[Span], ends: list[datetime]) -> set[int]:
    return {
        place for span in owned for place in range(bisect_left(ends, span.starts_at), bisect_left(ends, span.until))
    }


def _known(counts: list[int], ends: list[datetime], place: int, now: datetime) -> int | None:
    return counts[place] if place < len(ends) and ends[place] <= now else None
