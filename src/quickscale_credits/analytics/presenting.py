"""Values as people and programs read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from quickscale_credits import currencies
from quickscale_credits.analytics.periods import Granularity, Period
from quickscale_credits.analytics.shapes import Figure, Measure, Place, Unit, Value

UNKNOWN = "—"


def shown(measure: Measure, value: Value) -> str:
    """In the language of the reader, with its unit."""
    if value is None:
        return UNKNOWN
    if measure.unit == Unit.TEXT:
        return str(value)
    if measure.unit == Unit.MONEY:
        return currencies.formatted(int(value), measure.currency)
    if measure.unit == Unit.PERCENT:
        return _("%s %%") % _number(_rounded(value, 1))
    if measure.unit == Unit.SECONDS:
        return _seconds(Decimal(value))
    return _number(value)


def plain(measure: Measure, value: Value) -> Value:
    """For a spreadsheet: exact, money in major units, credits without zeros at the end."""
    if value is None:
        return ""
    if measure.unit == Unit.MONEY:
        return currencies.major(int(value), measure.currency)
    return _trimmed(value)


def machine(value: Value) -> int | str | None:
    """For a program: exact; decimals as strings, money in minor units."""
    return str(_trimmed(value)) if isinstance(value, Decimal) else value


def drawn(measure: Measure, value: Value) -> float | None:
    """The length of a bar: money in major units."""
    if value is None:
        return None
    return float(currencies.major(int(value), measure.currency) if measure.unit == Unit.MONEY else value)


def heading(measure: Measure) -> str:
    """Of a column in a spreadsheet, whose numbers have no unit of their own."""
    units = {Unit.MONEY: measure.currency.upper(), Unit.PERCENT: "%", Unit.SECONDS: pgettext("seconds", "s")}
    return f"{measure.label} ({units[measure.unit]})" if measure.unit in units else str(measure.label)


def place_shown(place: Place, period: Period) -> str:
    if isinstance(place, date):
        return date_format(place, "M Y" if period.granularity == Granularity.MONTH else "j M")
    return str(place)


def place_plain(place: Place, period: Period) -> str:
    if isinstance(place, date):
        return place.isoformat()[:7] if period.granularity == Granularity.MONTH else place.isoformat()
    return str(place)


@dataclass(frozen=True, kw_only=True)
class ShownFigure:
    """It begins a row where another currency begins, unless each has but one figure."""

    figure: Figure
    value: str
    previous: str
    change: Change | None
    begins_row: bool

    @classmethod
    def all_of(cls, figures: Sequence[Figure]) -> list[ShownFigure]:
        found, currency = [], ""
        has_rows = max(Counter(figure.currency for figure in figures if figure.currency).values(), default=0) > 1
        for figure in figures:
            begins_row = bool(has_rows and currency and figure.currency and figure.currency != currency)
            currency = figure.currency or currency
            found.append(
                cls(
                    figure=figure,
                    value=shown(figure, figure.value),
                    previous=shown(figure, figure.previous),
                    change=change(figure),
                    begins_row=begins_row,
                )
            )
        return found


@dataclass(frozen=True, kw_only=True)
class Change:
    """From the period before: `text` with its sign, `is_good` None where neither way is better."""

    text: str
    is_up: bool
    is_good: bool | None


def change(figure: Figure) -> Change | None:
    """None where there is nothing to compare: a text, something unknown, or a share of nothing."""
    if figure.value is None or figure.previous is None or figure.unit == Unit.TEXT:
        return None
    value, previous = Decimal(figure.value), Decimal(figure.previous)
    if value == previous or (figure.unit != Unit.PERCENT and previous == 0):
        return None
    is_up = value > previous
    good = None if figure.is_good_when_up is None else figure.is_good_when_up == is_up
    return Change(text=_change_text(figure, value, previous), is_up=is_up, is_good=good)


def _change_text(figure: Figure, value: Decimal, previous: Decimal) -> str:
    """Of a percentage in points, of anything else in percent of what it was."""
    sign = "+" if value > previous else "−"  # noqa: RUF001 - a minus, not a hyphen
    if figure.unit == Unit.PERCENT:
        return _("%s points") % (sign + _number(_rounded(abs(value - previous), 1)))
    return _("%s %%") % (sign + _number(_rounded(abs(value - previous) * 100 / abs(previous), 1)))


def _seconds(value: Decimal) -> str:
    """Below a second in milliseconds, of which short ones have a decimal place."""
    if value >= 1 or not value:
        return _("%s s") % _number(_rounded(value, 2))
    milliseconds = value * 1_000
    return _("%s ms") % _number(_rounded(milliseconds, 0 if milliseconds >= 10 else 1))


def _rounded(value: Value, digits: int) -> Decimal:
    return Decimal(value or 0).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)


def _number(value: Value) -> str:
    return number_format(_trimmed(value) or 0, use_l10n=True, force_grouping=True)


def _trimmed(value: Value) -> Value:
    """2.500000 → 2.5, and 100 not → 1E+2."""
    if not isinstance(value, Decimal):
        return value
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
