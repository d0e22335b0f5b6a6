"""Eight clients at once, on PostgreSQL: SQLite has one writer."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.clients import Clients, clients
from benchmarks.contenders import QUICKSCALE, floor
from benchmarks.contenders.quickscale import QuickScale
from benchmarks.measurements import Run
from benchmarks.results import Result, ratio, spreads
from benchmarks.timing import Times, speed_ratio

CLIENTS = 8
ACCOUNTS = 200
SLICE = 0.5


def eight_clients(run: Run) -> Iterator[Result]:
    if run.is_sqlite:
        return
    with clients(CLIENTS, run.database, run.place) as crowd:
        many, one = QuickScale().prepare(ACCOUNTS), QuickScale().prepare(1)
        for where, accounts in ((f"on {ACCOUNTS} accounts", many), ("on one account", one)):
            yield _compare(crowd, run, where, accounts)


def _compare(crowd: Clients, run: Run, where: str, accounts: list[int]) -> Result:
    bottom = floor().name
    names = [bottom, QUICKSCALE]
    for name in names:
        crowd.per_second(name, accounts, SLICE)
    times: Times = {name: [] for name in names}
    for _ in range(run.scale.slices):
        for name in names:
            times[name].append(1 / crowd.per_second(name, accounts, SLICE))
        names.reverse()
    return Result(
        what=f"spend, {CLIENTS} clients {where}",
        database=run.title,
        note="processes; time per spend of all together",
        times=spreads(times),
        ratios=[
            ratio(
                f"{CLIENTS} clients {where} against the floor",
                speed_ratio(times, QUICKSCALE, bottom),
                0.75 if run.is_binding else 0.60,
            )
        ],
    )
