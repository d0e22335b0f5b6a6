"""A panel's answer as CSV and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from quickscale_credits.analytics import presenting
from quickscale_credits.analytics.answers import Answer
from quickscale_credits.analytics.periods import Period
from quickscale_credits.analytics.shapes import Figure, Measure, Series, Table, Value

COLUMNS = ["what", "key", "label", "place", "unit", "currency", "value", "previous"]


def csv_rows(answer: Answer) -> Iterator[list[Any]]:
    """A line for each value of the panel: its figures, then its series."""
    yield COLUMNS
    for figure in answer.figures:
        yield _line("figure", figure, "", figure.value, figure.previous)
    for series in answer.series:
        for place, value in series.points.items():
            yield _line("series", series, presenting.place_plain(place, answer.period), value, None)


def _line(what: str, measure: Measure, place: str, value: Value, previous: Value) -> list[Any]:
    about = [what, measure.key, str(measure.label), place, str(measure.unit), measure.currency]
    return [*about, presenting.plain(measure, value), presenting.plain(measure, previous)]


def as_json(answer: Answer) -> dict[str, Any]:
    return {
        "key": answer.panel.key,
        "title": str(answer.panel.title),
        "period": _period(answer.period) | {"previous": _period(answer.period.previous)},
        "figures": [_figure(figure) for figure in answer.figures],
        "series": [_series(series, answer.period) for series in answer.series],
        "tables": [_table(table) for table in answer.tables],
    }


def _period(period: Period) -> dict[str, Any]:
    return {
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "time_zone": period.zone.key,
        "granularity": str(period.granularity),
    }


def _measure(measure: Measure) -> dict[str, Any]:
    about = {"key": measure.key, "label": str(measure.label), "unit": str(measure.unit)}
    return about | ({"currency": measure.currency} if measure.currency else {})


def _figure(figure: Figure) -> dict[str, Any]:
    return _measure(figure) | {
        "value": presenting.machine(figure.value),
        "previous": presenting.machine(figure.previous),
        "definition": str(figure.definition),
    }


def _series(series: Series, period: Period) -> dict[str, Any]:
    points = [
        {"place": presenting.place_plain(place, period), "value": presenting.machine(value)}
        for place, value in series.points.items()
    ]
    return _measure(series) | {"points": points}


def _table(table: Table) -> dict[str, Any]:
    return {
        "key": table.key,
        "title": str(table.title),
        "definition": str(table.definition),
        "columns": [_measure(column) for column in table.columns],
        "rows": [_row(row) for row in table.rows],
    }


def _row(row: Sequence[Value]) -> list[int | str | None]:
    return [presenting.machine(value) for value in row]
