"""When refills fall due: windows of time counted from an anchor, so that the ends of months do not drift."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from quickscale_billing.models import Interval

DAYS: Final = {Interval.DAY: 1, Interval.WEEK: 7}
MONTHS: Final = {Interval.MONTH: 1, Interval.YEAR: 12}
# A period that begins on 28 February may end on 31 March: Stripe counts it from the 31st, so it is one month.
SLACK: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Window:
    """What a refill is for. `full_length` is what it would last, were it not cut short by the end of the paid time."""

    starts_at: datetime
    ends_at: datetime
    full_length: timedelta


def moment(anchor: datetime, every: str, number: int) -> datetime:
    """The anchor and `number` intervals: of 31 January by months 28 February, then 31 March."""
    interval = Interval(every)
    if interval in DAYS:
        return anchor + timedelta(days=DAYS[interval] * number)
    months = anchor.year * 12 + anchor.month - 1 + MONTHS[interval] * number
    year, month = divmod(months, 12)
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, monthrange(year, month + 1)[1]))


def counted_from(anchor: datetime | None, every: str, starts_at: datetime) -> datetime:
    """The anchor where `starts_at` is one of its moments, else `starts_at` itself."""
    if anchor is None:
        return starts_at
    return anchor if moment(anchor, every, _number(anchor, every, starts_at)) == starts_at else starts_at


def windows(anchor: datetime, every: str, starts_at: datetime, ends_at: datetime) -> Iterator[Window]:
    """All of a stretch of paid time that begins at a moment of the anchor; the last may be cut short."""
    begins = starts_at
    for number in count(_number(anchor, every, starts_at) + 1):
        ends = moment(anchor, every, number)
        window = Window(begins, ends, ends - begins)
        if ends >= ends_at - _slack(every):
            yield _last(window, ends_at, _slack(every))
            return
        yield window
        begins = ends


def _last(window: Window, ends_at: datetime, slack: timedelta) -> Window:
    length = ends_at - window.starts_at
    is_whole = abs(ends_at - window.ends_at) <= slack
    return Window(window.starts_at, ends_at, length if is_whole else window.full_length)


def _slack(every: str) -> timedelta:
    return SLACK if every in MONTHS else timedelta(0)


def _number(anchor: datetime, every: str, at: datetime) -> int:
    """Of the moment that `at` is, if it is one."""
    interval = Interval(every)
    if interval in DAYS:
        return (at - anchor) // timedelta(days=DAYS[interval])
    return ((at.year - anchor.year) * 12 + at.month - anchor.month) // MONTHS[interval]
