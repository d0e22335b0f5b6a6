"""A thousand spends in one call, against a thousand calls."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import User

from benchmarks.contenders.quickscale import QuickScale
from benchmarks.measurements import Run
from benchmarks.results import Result, ratio, spreads
from benchmarks.timing import interleaved, speed_ratio
from quickscale_credits import ledger

SIZE = 1000


def a_thousand_at_once(run: Run) -> Iterator[Result]:
    people = list(User.objects.filter(pk__in=QuickScale().prepare(SIZE)))
    for where, payers in ((f"{SIZE:,} accounts", people), ("one account", people[:1] * SIZE)):
        yield _compare(run, where, payers)


def _compare(run: Run, where: str, payers: list[User]) -> Result:
    def singly() -> None:
        for payer in payers:
            ledger.spend(payer, 1, reason="report")

    def at_once() -> None:
        ledger.spend_many(ledger.Charge(payer, 1, "report") for payer in payers)

    times = interleaved({"1,000 spends": singly, "spend_many": at_once}, seconds=0, least=run.scale.batches)
    found = speed_ratio(times, "spend_many", "1,000 spends")
    return Result(
        what=f"spend_many({SIZE:,}) on {where}",
        database=run.title,
        times=spreads(times),
        ratios=[ratio(f"spend_many on {where} against {SIZE:,} spends", found, 8 if run.is_sqlite else 10)],
    )
