"""A spend should cost the same however much there is: both ends are measured in turn. Flat within 25 % is 0.8."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.db import connection

from benchmarks.clients import clients
from benchmarks.contenders import QUICKSCALE
from benchmarks.contenders.quickscale import QuickScale
from benchmarks.databases import made
from benchmarks.filling import add_spends, tidy_up
from benchmarks.measurements import Run
from benchmarks.migrating import in_another_process
from benchmarks.people import make_people
from benchmarks.results import Result, ratio, spreads
from benchmarks.timing import Times, interleaved, speed_ratio
from quickscale_credits import ledger
from quickscale_credits.amounts import MICRO
from quickscale_credits.fields import NEVER
from quickscale_credits.models import CreditAccount, CreditGrant

FLAT = 0.8
FEW = 10
ACCOUNTS = 100
ROUND = 20


def entries_of_an_account(run: Run) -> Iterator[Result]:
    many = run.scale.entries_each
    contender = QuickScale()
    small, large = contender.prepare(2)
    add_spends([small], FEW)
    add_spends([large], many)
    contender.connect([small, large])
    few, lot = f"{FEW} entries", f"{many:,} entries"
    times = interleaved(
        {few: lambda: contender.spend(small), lot: lambda: contender.spend(large)}, seconds=run.scale.seconds
    )
    yield _flatness(run, "spend by entries of the account", times, lot, few)


def open_grants(run: Run) -> Iterator[Result]:
    """Once from a grant that lasts, and once from grants of a single credit, so that each spend finds a new head."""
    for what, amount in (("lasting grants", 10**6), ("grants of one credit", 1)):
        few, many = (1, run.scale.grants) if amount > 1 else (run.scale.grants // 10, run.scale.grants)
        small, large = make_people(2)
        _give(small, few, amount)
        _give(large, many, amount)
        names = f"{few:,} open", f"{many:,} open"
        times = interleaved(
            {
                names[0]: lambda payer=small: ledger.spend(payer, 1, reason="report"),
                names[1]: lambda payer=large: ledger.spend(payer, 1, reason="report"),
            },
            seconds=run.scale.seconds if amount > 1 else 0,
            least=min(few, 1000) - 50,
        )
        yield _flatness(run, f"spend by {what}", times, names[1], names[0])


def entries_in_all(run: Run) -> Iterator[Result]:
    """Two databases of the same kind at once, a process on each."""
    small, large = run.scale.entries_small, run.scale.entries_large
    with made(run.database) as place:
        payers = in_another_process(run.database, place, small // ACCOUNTS)
        ours = QuickScale().prepare(ACCOUNTS)
        add_spends(ours, large // ACCOUNTS)
        connection.close()
        few, lot = f"{small:,} entries", f"{large:,} entries"
        with (
            clients(1, run.database, place) as on_small,
            clients(1, run.database, run.place) as on_large,
        ):
            ends = {few: (on_small, payers), lot: (on_large, ours)}
            times = interleaved(
                {name: lambda end=end: end[0].spends(QUICKSCALE, end[1], ROUND) for name, end in ends.items()},
                seconds=run.scale.seconds,
            )
    times = {name: [seconds / ROUND for seconds in found] for name, found in times.items()}
    yield _flatness(run, f"spend by entries in all, on {ACCOUNTS} accounts", times, lot, few)


def _flatness(run: Run, what: str, times: Times, large: str, small: str) -> Result:
    return Result(
        what=what,
        database=run.title,
        times=spreads(times),
        ratios=[ratio(f"{large} against {small}", speed_ratio(times, large, small), FLAT)],
    )


def _give(person: User, count: int, amount: int) -> None:
    """One grant by the verb; the others are copies of it, which no entry vouches for."""
    ledger.grant(person, amount)
    account = CreditAccount.objects.get(owner=person)
    first = account.grants.get()
    CreditGrant.objects.bulk_create(
        [
            CreditGrant(
                account=account,
                credit_type=first.credit_type,
                priority=first.priority,
                expires_at=NEVER,
                amount=amount,
                remaining=amount,
                entry=first.entry,
                created_at=datetime.now(UTC),
                seal=0,
            )
            for _ in range(count - 1)
        ],
        batch_size=50,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE quickscale_credits_creditaccount SET balance = %s WHERE id = %s",
            [amount * count * MICRO, account.pk],
        )
    tidy_up()
