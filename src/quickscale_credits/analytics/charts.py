"""What a panel answered, arranged: which series share a chart, and the table that says the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from quickscale_credits.analytics import presenting
from quickscale_credits.analytics.answers import Answer
from quickscale_credits.analytics.periods import Granularity, Period
from quickscale_credits.analytics.shapes import Column, Measure, Place, Series, Table, Unit, Value

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TITLED = 3


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table as it is shown and downloaded. `part` names it in addresses; it has series where it is a chart too."""

    part: str
    title: StrOrPromise
    columns: Sequence[Measure]
    rows: Sequence[Sequence[Value]]
    definition: StrOrPromise = ""
    series: Sequence[Series] = ()
    places: Sequence[Place] = ()

    @property
    def shown_rows(self) -> list[list[str]]:
        return [
            [presenting.shown(column, value) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    def plain_rows(self) -> Iterator[list[Value]]:
        yield [presenting.heading(column) for column in self.columns]
        for row in self.rows:
            yield [presenting.plain(column, value) for column, value in zip(self.columns, row, strict=True)]

    @property
    def data(self) -> dict[str, Any]:
        """What the script draws: for each series its values, and the same as text."""
        return {
            "title": str(self.title),
            "places": [row[0] for row in self.rows],
            "whole": all(series.unit == Unit.COUNT for series in self.series),
            "series": [_drawing(each) for each in self.series],
        }


def charts(answer: Answer) -> list[Grid]:
    groups: dict[Any, list[Series]] = defaultdict(list)
    for series in answer.series:
        groups[str(series.chart), series.unit, series.currency, tuple(series.points)].append(series)
    return [
        _chart(f"chart-{number}", group, places, answer.period)
        for number, ((*_, places), group) in enumerate(groups.items(), 1)
    ]


def tables(answer: Answer) -> list[Grid]:
    return [_table(table) for table in answer.tables]


def _chart(part: str, group: list[Series], places: tuple[Place, ...], period: Period) -> Grid:
    place = Column(key="place", label=_place_label(places, period), unit=Unit.TEXT)
    return Grid(
        part=part,
        title=_title(group),
        definition=group[0].definition,
        columns=[place, *group],
        rows=[[presenting.place_shown(each, period), *(series.points[each] for series in group)] for each in places],
        series=group,
        places=places,
    )


def _table(table: Table) -> Grid:
    return Grid(
        part=f"table-{table.key}",
        title=table.title,
        columns=table.columns,
        rows=table.rows,
        definition=table.definition,
    )


def _title(group: list[Series]) -> str:
    """As the series say, else after the first of them; with the currency, for there may be such a chart in each."""
    currency = f" ({group[0].currency.upper()})" if group[0].currency else ""
    if group[0].chart:
        return f"{group[0].chart}{currency}"
    labels = ", ".join(str(series.label) for series in group[:TITLED])
    return f"{labels}{'…' if len(group) > TITLED else ''}{currency}"


def _place_label(places: tuple[Place, ...], period: Period) -> str:
    if places and isinstance(places[0], str):
        return ""
    return _("Month") if period.granularity == Granularity.MONTH else _("Day")


def _drawing(series: Series) -> dict[str, Any]:
    return {
        "key": series.key,
        "label": str(series.label),
        "values": [presenting.drawn(series, value) for value in series.points.values()],
        "shown": [presenting.shown(series, value) for value in series.points.values()],
        "stacked": series.is_stacked,
        "line": series.is_line,
    }
