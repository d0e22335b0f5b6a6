"""The dashboard of twelve months, every panel of it, and what it would take to add the entries up instead."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db.models import Count, F, Sum

from benchmarks.contenders.quickscale import QuickScale
from benchmarks.filling import add_runs, add_spends
from benchmarks.measurements import Run
from benchmarks.panels import against, month_of, panels_of
from benchmarks.results import Result
from quickscale_credits.analytics import rolling
from quickscale_credits.models import LedgerEntry
from quickscale_services.models import ServiceRun

ACCOUNTS = 1_000
RUNS = 10  # a run for each tenth entry
DAYS = 365  # of which one has not been rolled up


def twelve_months(run: Run) -> Iterator[Result]:
    before = LedgerEntry.objects.count()
    accounts = min(ACCOUNTS, run.scale.entries_large // 50)
    owners = QuickScale().prepare(accounts)
    if before < run.scale.entries_large:
        add_spends(owners, (run.scale.entries_large - before) // accounts)
    add_runs(RUNS)
    start = time.perf_counter()
    for rollup in rolling.registered.values():
        for _ in rollup.roll_up():
            pass
    minutes = (time.perf_counter() - start) / 60
    add_spends(owners, max(1, run.scale.entries_large // accounts // DAYS))
    yield against(
        _from_entries,
        panels_of("quickscale_credits", "quickscale_services"),
        run,
        over=f"{LedgerEntry.objects.count():,} entries and {ServiceRun.objects.count():,} runs",
        note=f"rolling up took {minutes:.1f} minutes",
    )


def _from_entries() -> None:
    """What two of the panels' charts show, from the entries: movement by month and type, and active accounts."""
    months = LedgerEntry.objects.order_by().annotate(month=month_of("created_at"))
    list(months.values("month", "kind", of_type=F("grant__credit_type")).annotate(total=Sum("amount")))
    list(months.filter(kind="spend").values("month").annotate(accounts=Count("account_id", distinct=True)))
