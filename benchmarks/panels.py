"""Asking panels for twelve months, and counting what they ask of the database."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Substr, TruncMonth
from django.test.utils import CaptureQueriesContext

from benchmarks.measurements import Run
from benchmarks.results import Ratio, Result, ratio, spreads
from benchmarks.timing import Spread, interleaved, speed_ratio
from quickscale_credits.analytics import Panel, Period, registry
from quickscale_credits.analytics.answers import ask

LONGEST = 1.0
MOST_QUERIES = 10


def panels_of(*apps: str) -> list[Panel]:
    return [panel for panel in registry.values() if type(panel).__module__.startswith(apps)]


def against(
    group_by: Callable[[], object], panels: list[Panel], run: Run, *, over: str, least: int = 3, note: str = ""
) -> Result:
    """The panels together, each by itself, and the raw GROUP BY."""
    actions = {"dashboard": lambda: _ask(panels), "GROUP BY": group_by}
    times = interleaved(actions, seconds=run.scale.seconds, least=least)
    return Result(
        what=f"{len(panels)} panels of 12 months over {over}",
        database=run.title,
        times=spreads(times) | {panel.key: Spread.of(_timed(panel)) for panel in panels},
        ratios=[
            Ratio(
                what="seconds for the dashboard",
                value=Spread.of(times["dashboard"]).median,
                target=LONGEST,
                is_ceiling=True,
            ),
            ratio("dashboard against GROUP BY", speed_ratio(times, "dashboard", "GROUP BY")),
            Ratio(
                what="queries of a panel, at most",
                value=max(_queries(panel) for panel in panels),
                target=MOST_QUERIES,
                is_ceiling=True,
            ),
        ],
        note=note,
    )


def month_of(name: str) -> Any:
    """As whoever writes SQL by hand would group by month, in UTC: SQLite would ask Python for each row."""
    return Substr(F(name), 1, 7) if connection.vendor == "sqlite" else TruncMonth(name, tzinfo=UTC)


def _ask(panels: list[Panel]) -> None:
    period = Period.last_months(12)
    for panel in panels:
        ask(panel, period)


def _timed(panel: Panel) -> list[float]:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        _ask([panel])
        times.append(time.perf_counter() - start)
    return times


def _queries(panel: Panel) -> int:
    with CaptureQueriesContext(connection) as found:
        _ask([panel])
    return len(found)
