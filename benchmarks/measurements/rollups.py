"""A year's report by month: from the daily rollups, and by adding up the entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth

from benchmarks.contenders.quickscale import QuickScale
from benchmarks.filling import add_spends
from benchmarks.measurements import Run
from benchmarks.results import Result, ratio, spreads
from benchmarks.timing import interleaved, speed_ratio
from quickscale_credits.analytics import rollups
from quickscale_credits.models import LedgerEntry, UsageRollup


def a_report(run: Run) -> Iterator[Result]:
    if LedgerEntry.objects.count() < run.scale.entries_large:
        add_spends(QuickScale().prepare(100), run.scale.entries_large // 100)
    for _ in rollups.roll_up():
        pass
    times = interleaved({"rollups": _from_rollups, "GROUP BY": _from_entries}, seconds=run.scale.seconds, least=5)
    found = speed_ratio(times, "rollups", "GROUP BY")
    yield Result(
        what=f"a year's report by month and kind over {LedgerEntry.objects.count():,} entries",
        database=run.title,
        times=spreads(times),
        ratios=[ratio("rollups against GROUP BY", found, 1000 if run.scale.entries_large >= 10**7 else None)],
    )


def _from_rollups() -> list[object]:
    months = UsageRollup.objects.values(month=TruncMonth("day"), of_kind=_kind())
    return list(months.annotate(rows=Sum("count"), total=Sum("amount")).order_by())


def _from_entries() -> list[object]:
    months = LedgerEntry.objects.values(month=TruncMonth("created_at", tzinfo=UTC), of_kind=_kind())
    return list(months.annotate(rows=Count("pk"), total=Sum("amount")).order_by())


def _kind() -> object:
    from django.db.models import F

    return F("kind")
