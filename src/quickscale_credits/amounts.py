"""Credits as exact numbers: `Decimal` outside, whole micro-credits (millionths) inside."""

import re
from decimal import Context, Decimal, Inexact, InvalidOperation

from quickscale_credits.exceptions import InvalidAmount

MICRO = 10**6
MAX_AMOUNT = 10**12 * MICRO
MAX_TOTAL = 9 * 10**12 * MICRO

_FORM = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_PLACES = Decimal("0.000001")


def to_micro(value: int | Decimal | str, *, most: int = MAX_AMOUNT) -> int:
    """The amount in micro-credits. Never rounds.

    Raises `TypeError` for anything but int, Decimal and str (bool and float too), and
    `InvalidAmount` for what is not a finite number of at most six places within ±10^12 (or `most`, in micro-credits).
    """
    micro = value * MICRO if type(value) is int else _to_micro(_decimal(value))
    if -most <= micro <= most:
        return micro
    raise InvalidAmount(f"An amount is at most {most // MICRO:,} credits, not {_shown(value)}.")


def to_positive_micro(value: int | Decimal | str) -> int:
    """Like `to_micro`, for the verbs that move credits: zero and negative raise `InvalidAmount`."""
    micro = to_micro(value)
    if micro <= 0:
        raise InvalidAmount(f"An amount must be above zero, not {_shown(value)}.")
    return micro


def from_micro(micro: int) -> Decimal:
    """The credits as a `Decimal` without trailing zeros (`Decimal("2")`, `Decimal("0.1")`)."""
    if not micro % MICRO:
        return Decimal(micro // MICRO)
    whole, fraction = divmod(abs(micro), MICRO)
    sign = "-" if micro < 0 else ""
    return Decimal(f"{sign}{whole}.{fraction:06}".rstrip("0").rstrip("."))


def sum_to_micro(total: Decimal | None) -> int:
    """A sum that the database made, which may pass the largest amount; None, the sum of nothing, is 0."""
    return 0 if total is None else _to_micro(total)


def _decimal(value: int | Decimal | str) -> Decimal:
    if isinstance(value, str):
        if not _FORM.fullmatch(value):
            raise InvalidAmount(f"An amount reads like 2 or 2.5, not {_shown(value)}.")
        return Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError(f"Credits are an int, a Decimal or a str such as '2.5', not a {type(value).__name__}.")
    return Decimal(value)


def _to_micro(value: Decimal) -> int:
    if not value.is_finite():
        raise InvalidAmount(f"An amount must be a finite number, not {value}.")
    if value.adjusted() > 30:  # so large that its digits need not be looked at
        raise InvalidAmount(f"An amount is not as large as {_shown(value)}.")
    try:
        return int(_EXACT.scaleb(_EXACT.quantize(value, _PLACES), 6))
    except Inexact:
        raise InvalidAmount(f"An amount has at most six decimal places, not {_shown(value)}.") from None


def _shown(value: object) -> str:
    """The value for an error message, whatever its length."""
    if isinstance(value, int) and abs(value) > MAX_AMOUNT:
        return "a larger one"
    text = repr(str(value))
    return text if len(text) <= 60 else f"{text[:60]}…"
