"""Prices as people read them."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

THOUSAND, MILLION = 1_000, 1_000_000
# Below this, the price of one is hard to read, and that of a thousand is told.
READABLE = Decimal("0.01")


def in_credits(amount: Decimal) -> str:
    """1 credit, 1.5 credits, 2,000 credits."""
    return ngettext("%s credit", "%s credits", 1 if amount == 1 else 2) % _number(amount)


def per_unit(price: Decimal, unit: str, *, each: str = "", free: Decimal = Decimal(0)) -> str:
    """0.1 credits per page (the first 5 are free); of small prices that of a thousand, or a million."""
    number = next((number for number in (1, THOUSAND) if price * number >= READABLE or not price), MILLION)
    told = per_number(price, unit, number=number, each=each)
    return told if not free else _("%(price)s (the first %(free)s are free)") % {"price": told, "free": _number(free)}


def per_number(price: Decimal, unit: str, *, number: int, each: str = "") -> str:
    """150 credits per million input tokens."""
    words = {"price": in_credits(price * number), "unit": unit.replace("_", " ")}
    if number == 1:
        return _("%(price)s per %(unit)s") % (words | {"unit": each or _one(words["unit"])})
    if number == MILLION:
        return _("%(price)s per million %(unit)s") % words
    return _("%(price)s per %(number)s %(unit)s") % (words | {"number": _number(Decimal(number))})


def _one(units: str) -> str:
    """The singular, where English makes it by rule; `each` is for the others."""
    if units.endswith("ies"):
        return f"{units[:-3]}y"
    return units.removesuffix("s")


def _number(value: Decimal) -> str:
    trimmed = value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
    return number_format(trimmed, use_l10n=True, force_grouping=True)
