"""Numbers that prices are reckoned with: exact, finite, never below zero."""

from __future__ import annotations

import re
from decimal import Decimal

LARGEST = Decimal(10**12)
MOST_PLACES = 40

_FORM = re.compile(r"\+?[0-9]+(\.[0-9]+)?")


def quantity(value: int | Decimal | str, what: str, *, places: int = MOST_PLACES) -> Decimal:
    """Raises `TypeError` for anything but int, Decimal and str (float and bool too), else `ValueError`.

    `what` begins the message: "The price of a page".
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise TypeError(f"{what} is an int, a Decimal or a str such as '2.5', not a {type(value).__name__}.")
    if isinstance(value, str) and not _FORM.fullmatch(value):
        raise ValueError(f"{what} reads like 2 or 2.5, not {value[:60]!r}.")
    number = Decimal(value)
    if not number.is_finite() or not 0 <= number <= LARGEST or -int(number.as_tuple().exponent) > places:
        raise ValueError(
            f"{what} is a number from 0 to {LARGEST:,} with at most {places} decimal places, not {str(value)[:60]}."
        )
    return number


def as_json(number: Decimal) -> int | str:
    """Whole numbers as such, others as text, in which no digit is lost."""
    return int(number) if number == number.to_integral_value() else format(number, "f").rstrip("0")
