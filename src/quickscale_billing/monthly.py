"""What a price is worth in a month."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from quickscale_billing.models.catalog import Interval

# How many of an interval a month has, a year being 365 days and 52 weeks.
IN_A_MONTH: Final = {
    Interval.DAY.value: Fraction(365, 12),
    Interval.WEEK.value: Fraction(52, 12),
    Interval.MONTH.value: Fraction(1),
    Interval.YEAR.value: Fraction(1, 12),
}


def monthly(amount: int, interval: str, *, kept: Fraction = Fraction(1)) -> int:
    """In minor units, half to even. `kept` is the share that discounts leave."""
    return round(amount * kept * IN_A_MONTH[interval])
