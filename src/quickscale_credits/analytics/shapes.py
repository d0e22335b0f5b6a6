"""What a panel answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Value: TypeAlias = "int | Decimal | str | None"
Place: TypeAlias = "date | str"


class Unit(StrEnum):
    """What a value counts; None is what is not known, in each of them."""

    CREDITS = "credits"  # Decimal
    MONEY = "money"  # int: minor units of a `currency`
    COUNT = "count"  # int
    PERCENT = "percent"  # Decimal: 12.5 for 12.5 %
    SECONDS = "seconds"  # Decimal
    TEXT = "text"  # str


def percent(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """To four decimal places; None, of nothing."""
    return (Decimal(part) * 100 / whole).quantize(Decimal("0.0001")) if whole else None


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What figures, series and columns have in common. `currency` is the ISO code in lower case, of money alone."""

    key: str
    label: StrOrPromise
    unit: Unit = Unit.COUNT
    currency: str = ""

    def __post_init__(self) -> None:
        if (self.unit == Unit.MONEY) != bool(self.currency):
            raise ValueError(f"{self.key!r}: money needs a currency, and nothing else has one.")


@dataclass(frozen=True, kw_only=True)
class Figure(Measure):
    """One number of a period.

    `definition` says how it is reckoned and what it leaves out: it is the tooltip, and stands in the docs. `previous`
    is filled in from `figures` of the period before. `is_compared` is False for what only the present can tell;
    `is_good_when_up` is None where neither way is better.
    """

    value: Value
    definition: StrOrPromise
    previous: Value = None
    is_compared: bool = True
    is_good_when_up: bool | None = True


@dataclass(frozen=True, kw_only=True)
class Series(Measure):
    """A value for each place on the axis: the days or months of `period.places`, or words. In order.

    Series of a panel with the same unit, currency, axis and `chart`, its title, are drawn in one chart; a panel with
    several charts lets the reader choose.
    """

    points: Mapping[Any, Value]  # from a Place
    chart: StrOrPromise = ""
    definition: StrOrPromise = ""
    is_stacked: bool = False
    is_line: bool = False


@dataclass(frozen=True, kw_only=True)
class Column(Measure):
    pass


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows that are no chart: cohorts, the accounts that spent most. Each row has a value for each column."""

    key: str
    title: StrOrPromise
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    definition: StrOrPromise = ""
