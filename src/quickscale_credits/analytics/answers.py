"""Asking a panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from quickscale_credits.analytics.memory import one_answer
from quickscale_credits.analytics.panel import Panel
from quickscale_credits.analytics.periods import Period
from quickscale_credits.analytics.shapes import Figure, Series, Table


@dataclass(frozen=True, kw_only=True)
class Answer:
    panel: Panel
    period: Period
    figures: Sequence[Figure]
    series: Sequence[Series]
    tables: Sequence[Table]


def ask(panel: Panel, period: Period) -> Answer:
    """All that a panel says of a period, each figure with what it was in the period before."""
    with one_answer(period):
        return _ask(panel, period)


def _ask(panel: Panel, period: Period) -> Answer:
    figures = list(panel.figures(period))
    if any(figure.is_compared for figure in figures):
        figures = _compared(figures, panel.figures(period.previous))
    return Answer(
        panel=panel,
        period=period,
        figures=figures,
        series=list(panel.series(period)),
        tables=list(panel.tables(period)),
    )


def _compared(figures: Sequence[Figure], before: Sequence[Figure]) -> list[Figure]:
    """A figure without a counterpart, such as one of a new currency, has no previous value."""
    values = {(figure.key, figure.currency): figure.value for figure in before}
    return [
        replace(figure, previous=values.get((figure.key, figure.currency))) if figure.is_compared else figure
        for figure in figures
    ]
