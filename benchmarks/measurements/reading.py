"""Reading an account with few and with many entries."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import User
from django.db.models import Sum

from benchmarks.contenders.quickscale import QuickScale
from benchmarks.filling import add_spends
from benchmarks.measurements import Run
from benchmarks.results import Result, ratio, spreads
from benchmarks.timing import interleaved, speed_ratio
from quickscale_credits import ledger
from quickscale_credits.history import history_page
from quickscale_credits.models import CreditAccount

FEW = 100


def balances_and_pages(run: Run) -> Iterator[Result]:
    many = run.scale.entries_each
    few_pk, many_pk = QuickScale().prepare(2)
    add_spends([few_pk], FEW)
    add_spends([many_pk], many)
    few_person, many_person = User.objects.get(pk=few_pk), User.objects.get(pk=many_pk)
    few_entries, many_entries = (
        CreditAccount.objects.get(owner=person).entries.all() for person in (few_person, many_person)
    )
    few, lot = f"{FEW} entries", f"{many:,} entries"

    times = interleaved(
        {few: lambda: ledger.balance(few_person), lot: lambda: ledger.balance(many_person)}, seconds=run.scale.seconds
    )
    flat = speed_ratio(times, lot, few)
    yield Result(
        what="balance", database=run.title, times=spreads(times), ratios=[ratio(f"{lot} against {few}", flat, 0.8)]
    )

    times = interleaved(
        {
            f"last page, {few}": lambda: history_page(few_entries, before=FEW),
            f"last page, {lot}": lambda: history_page(many_entries, before=FEW),
        },
        seconds=run.scale.seconds,
    )
    flat = speed_ratio(times, f"last page, {lot}", f"last page, {few}")
    yield Result(
        what="history page",
        database=run.title,
        times=spreads(times),
        ratios=[ratio(f"last page of {lot} against that of {few}", flat, 0.8)],
    )

    times = interleaved(
        {"balance": lambda: ledger.balance(many_person), "SUM": lambda: many_entries.aggregate(Sum("amount"))},
        seconds=run.scale.seconds / 4,
        least=5,
    )
    found = speed_ratio(times, "balance", "SUM")
    yield Result(
        what=f"balance against a sum over {lot}",
        database=run.title,
        times=spreads(times),
        ratios=[ratio("balance against SUM", found)],
    )
