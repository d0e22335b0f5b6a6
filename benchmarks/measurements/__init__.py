"""Each measurement takes a run and yields its results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.apps import apps

from benchmarks.databases import DATABASES
from benchmarks.results import Result
from benchmarks.scale import Scale


@dataclass(frozen=True, kw_only=True)
class Run:
    database: str
    place: str
    scale: Scale

    @property
    def title(self) -> str:
        return DATABASES[self.database].title

    @property
    def is_sqlite(self) -> bool:
        return self.database == "sqlite"

    @property
    def is_binding(self) -> bool:
        return self.database == "binding"


Measurement = Callable[[Run], Iterator[Result]]
SALES = "sales"  # in a host that sells, so that nothing else is measured with more apps than it needs


def measurements() -> dict[str, Measurement]:
    if apps.is_installed("quickscale_billing"):
        from benchmarks.measurements import sales

        return {SALES: sales.twelve_months}

    from benchmarks.measurements import (
        batches,
        crowds,
        dashboard,
        growth,
        reading,
        rollups,
        serving,
        spending,
        storage,
        sweeping,
    )

    return {
        "statements": spending.statements,
        "spend": spending.against_the_floor,
        "hold": spending.hold_and_capture,
        "peers": spending.against_peers,
        "clients": crowds.eight_clients,
        "batches": batches.a_thousand_at_once,
        "reading": reading.balances_and_pages,
        "account": growth.entries_of_an_account,
        "grants": growth.open_grants,
        "total": growth.entries_in_all,
        "sweep": sweeping.due_grants,
        "rollups": rollups.a_report,
        "dashboard": dashboard.twelve_months,
        "storage": storage.bytes_per_entry,
        "run": serving.a_run_in_process,
        "http": serving.runs_over_http,
        "summing": spending.against_summing,
    }
