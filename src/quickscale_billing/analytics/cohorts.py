"""How many of those who began in a month stay."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import accumulate

from django.utils import timezone

from quickscale_billing.analytics.spans import Histories
from quickscale_credits.analytics import Period

MONTHS = 12
AN_INSTANT = timedelta(microseconds=1)
Cohort = tuple[date, int, list[int | None]]


def retention(period: Period, told: Histories) -> list[Cohort]:
    """For each month of the period in which somebody began: how many, and how many pay at the end of each month from
    then on; None for what is to come. The moments must be among those of the histories."""
    starts, ends, sizes = _starts(period), _ends(period), Counter[date]()
    paying: Counter[tuple[date, int]] = Counter()
    months, stretches = _months_of(period, told), [bisect_left(ends, moment) for moment in told.moments]
    for (_name, began, changes), number in told.numbers.items():
        if month := months[began]:
            sizes[month] += number
            values = [0] * (len(ends) + 1)
            for place, change in changes:
                values[stretches[place]] += change
            paying.update({(month, end): number for end, value in enumerate(accumulate(values)) if value})
    found = []
    for month, size in sorted(sizes.items()):
        first = starts.index(month)
        kept = [paying[month, n] if n < len(ends) else None for n in range(first, first + MONTHS)]
        found.append((month, size, kept))
    return found


def moments(period: Period) -> list[datetime]:
    """Where its months end, and the last instants before they begin: who begins with a month belongs to it."""
    return [*_ends(period), *_last_instants(period)]


def _months_of(period: Period, told: Histories) -> list[date | None]:
    """The month of the period to which those belong who began in a place."""
    starts, instants = _starts(period), _last_instants(period)
    numbers = [bisect_left(instants, moment) for moment in told.moments]
    return [starts[number - 1] if 0 < number < len(instants) else None for number in numbers]


def _ends(period: Period) -> list[datetime]:
    now = timezone.now()
    return [end for each in _starts(period)[1:] if (end := period.midnight(each)) <= now]


def _last_instants(period: Period) -> list[datetime]:
    """Before each month of the period, and before the first that is after it."""
    return [period.midnight(start) - AN_INSTANT for start in _starts(period)[: 1 - MONTHS]]


def _starts(period: Period) -> list[date]:
    """The first days of its months, and of the months after them for which the last of them is shown."""
    first, last = period.start.replace(day=1), period.end.replace(day=1)
    number = (last.year - first.year) * 12 + last.month - first.month + MONTHS + 1
    return [_later(first, index) for index in range(number)]


def _later(first: date, months: int) -> date:
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
