"""The dashboard of twelve months, every panel of it, and what it would take to add the entries up instead."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC

from django.db.models import Count, F, Sum
from django.db.models.functions import TruncMonth

from benchmarks.contenders.quickscale import QuickScale
from benchmarks.filling import add_runs, add_spends, tidy_up
from benchmarks.measurements import Run
from benchmarks.results import Ratio, Result, ratio, spreads
from benchmarks.timing import Spread, interleaved, speed_ratio
from quickscale_credits.analytics import Panel, Period, registry, rolling
from quickscale_credits.analytics.answers import ask
from quickscale_credits.models import LedgerEntry
from quickscale_services.models import ServiceRun

ACCOUNTS = 1_000
RUNS = 10  # a run for each tenth entry
LONGEST = 1.0
PANELS_OF = ("quickscale_credits", "quickscale_services")


def twelve_months(run: Run) -> Iterator[Result]:
    before = LedgerEntry.objects.count()
    accounts = min(ACCOUNTS, run.scale.entries_large // 50)
    if before < run.scale.entries_large:
        add_spends(QuickScale().prepare(accounts), (run.scale.entries_large - before) // accounts)
    add_runs(RUNS)
    start = time.perf_counter()
    for rollup in rolling.registered.values():
        for _ in rollup.roll_up():
            pass
    minutes = (time.perf_counter() - start) / 60
    tidy_up()
    panels = [panel for panel in registry.values() if type(panel).__module__.startswith(PANELS_OF)]
    actions = {"dashboard": lambda: _ask(panels), "GROUP BY": _from_entries}
    times = interleaved(actions, seconds=run.scale.seconds, least=3)
    counted = f"{LedgerEntry.objects.count():,} entries and {ServiceRun.objects.count():,} runs"
    yield Result(
        what=f"{len(panels)} panels of 12 months over {counted}",
        database=run.title,
        times=spreads(times) | {panel.key: Spread.of(_timed(panel)) for panel in panels},
        ratios=[
            Ratio(
                what="seconds for the dashboard",
                value=Spread.of(times["dashboard"]).median,
                target=LONGEST,
                is_ceiling=True,
            ),
            ratio("dashboard against GROUP BY of its entries", speed_ratio(times, "dashboard", "GROUP BY")),
        ],
        note=f"rolling up took {minutes:.1f} minutes",
    )


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


def _from_entries() -> None:
    """What two of the panels' charts show, from the entries: movement by month and type, and active accounts."""
    months = LedgerEntry.objects.order_by().annotate(month=TruncMonth("created_at", tzinfo=UTC))
    list(months.values("month", "kind", of_type=F("grant__credit_type")).annotate(total=Sum("amount")))
    list(months.filter(kind="spend").values("month").annotate(accounts=Count("account_id", distinct=True)))
