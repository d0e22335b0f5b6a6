"""How many of those who began in a month stay."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from datetime import date, datetime
from itertools import accumulate

from django.utils import timezone

from quickscale_billing.analytics import spans
from quickscale_credits.analytics import Period

Cohort = tuple[date, int, list[int | None]]


def retention(period: Period, months: int) -> list[Cohort]:
    """For each month of the period in which somebody began: how many, and how many pay at the end of each month from
    then on; None for what is to come."""
    starts = _months(period.start.replace(day=1), period, months)
    now = timezone.now()
    ends = [end for each in starts[1:] if (end := period.midnight(each)) <= now]
    began = _began(period)
    counts = _paying(began, ends, period)
    found = []
    for month, size in sorted(Counter(began.values()).items()):
        first = starts.index(month)
        kept = [counts[month, n] if n < len(ends) else None for n in range(first, first + months)]
        found.append((month, size, kept))
    return found


def _began(period: Period) -> dict[int, date]:
    """The month in which an account first paid, of those for which that is a month of the period."""
    since, until = (
        period.midnight(_later(day.replace(day=1), later)) for day, later in ((period.start, 0), (period.end, 1))
    )
    return {pk: _month_of(at, period) for pk, at in spans.firsts().items() if since <= at < until}


def _paying(began: dict[int, date], ends: list[datetime], period: Period) -> Counter[tuple[date, int]]:
    """How many who began in a month pay at each of the ends."""
    found: Counter[tuple[date, int]] = Counter()
    if not ends:
        return found
    moments, places = _read(ends, period)
    steps: dict[int, list[int]] = {pk: [0] * len(ends) for pk in began}
    for account, _currency, place, value, _begins in spans.changes(moments):
        if account in steps and places[place] < len(ends):
            steps[account][places[place]] += value
    for pk, values in steps.items():
        found.update((began[pk], place) for place, value in enumerate(accumulate(values)) if value)
    return found


def _read(ends: list[datetime], period: Period) -> tuple[tuple[datetime, ...], list[int]]:
    """Moments among which the ends are, and the place among the ends for each place among them: those that the period's
    series read, where that will do."""
    edges = spans.edges(period)
    moments = edges if set(ends) <= set(edges) else tuple(ends)
    return moments, [bisect_left(ends, moment) for moment in moments]


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
