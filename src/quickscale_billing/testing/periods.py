"""Billing periods: counted from one anchor, so that the 31st comes back after a short month.

https://docs.stripe.com/billing/subscriptions/billing-cycle
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from quickscale_billing.testing.store import Object

MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}
# In seconds: no fewer periods than this have ended.
LONGEST = {"day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400, "year": 366 * 86_400}


def nth(anchor: int, recurring: Object, count: int) -> int:
    """The moment `count` intervals after (or before) the anchor."""
    start, steps = datetime.fromtimestamp(anchor, UTC), recurring["interval_count"] * count
    if recurring["interval"] in DAYS:
        return int((start + timedelta(days=DAYS[recurring["interval"]] * steps)).timestamp())
    return int(plus_months(start, MONTHS[recurring["interval"]] * steps).timestamp())


def plus_months(start: datetime, months: int) -> datetime:
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))


def end_after(anchor: int, recurring: Object, moment: int) -> int:
    """The first end of a period that lies after the moment."""
    count = max(0, (moment - anchor) // (LONGEST[recurring["interval"]] * recurring["interval_count"]))
    while nth(anchor, recurring, count) <= moment:
        count += 1
    while nth(anchor, recurring, count - 1) > moment:
        count -= 1
    return nth(anchor, recurring, count)
