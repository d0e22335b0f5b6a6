"""One client that spends."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.contenders import QUICKSCALE, SUMMING, floor, peers
from benchmarks.contenders.base import Contender
from benchmarks.contenders.quickscale import QuickScale
from benchmarks.contenders.summing import Summing
from benchmarks.measurements import Run
from benchmarks.people import make_people
from benchmarks.results import Ratio, Result, ratio, spreads
from benchmarks.timing import Times, interleaved, speed_ratio
from quickscale_credits import ledger

TARGETS = {"django-hordak": 1.5, "dj-wallet": 2.0}


def statements(run: Run) -> Iterator[Result]:
    [person] = make_people(1)
    ledger.grant(person, 100)
    ledger.spend(person, 1, reason="report")
    found = []
    for name, verb, most in (
        ("spend, with BEGIN and COMMIT", partial(ledger.spend, person, 1, reason="report"), 6),
        ("balance", partial(ledger.balance, person), 1),
    ):
        with CaptureQueriesContext(connection) as captured:
            verb()
        count = len(captured) + _unlogged(captured)
        found.append(Ratio(what=name, value=count, target=most, is_ceiling=True))
    yield Result(what="statements", database=run.title, ratios=found)


def _unlogged(captured: CaptureQueriesContext) -> int:
    """Django logs no BEGIN where the driver sends it by itself."""
    texts = [query["sql"] for query in captured]
    return int("COMMIT" in texts and not any(text.startswith("BEGIN") for text in texts))


def against_the_floor(run: Run) -> Iterator[Result]:
    bottom = floor()
    times = _alternate([bottom, QuickScale()], run.scale.seconds)
    found = speed_ratio(times, QUICKSCALE, bottom.name)
    target = 0.75 if run.is_binding else 0.60
    yield Result(
        what="spend, 1 client",
        database=run.title,
        times=spreads(times),
        ratios=[ratio("spend against the floor", found, target)],
    )


def hold_and_capture(run: Run) -> Iterator[Result]:
    [person] = make_people(1)
    ledger.grant(person, 10**9)
    spend = partial(ledger.spend, person, 1, reason="report")
    times = interleaved(
        {
            "two spends": lambda: (spend(), spend()),
            "hold + capture": lambda: ledger.capture(ledger.hold(person, 1, reason="report")),
        },
        seconds=run.scale.seconds,
    )
    found = speed_ratio(times, "hold + capture", "two spends")
    yield Result(
        what="hold + capture, 1 client",
        database=run.title,
        times=spreads(times),
        ratios=[ratio("hold + capture against two spends", found, 0.8)],
    )


def against_peers(run: Run) -> Iterator[Result]:
    others = peers()
    if not others:
        return
    times = _alternate([QuickScale(), *others], run.scale.seconds)
    yield Result(
        what="a spend, a withdrawal, a transfer, 1 client",
        database=run.title,
        times=spreads(times),
        ratios=[
            ratio(f"spend against {each.name}", speed_ratio(times, QUICKSCALE, each.name), TARGETS.get(each.name))
            for each in others
        ],
    )


def against_summing(run: Run) -> Iterator[Result]:
    """The older algorithm at this many entries an account; ours at ten, since it does not depend on them."""
    summing = Summing()
    [account] = summing.prepare(1, run.scale.summed)
    [ours] = QuickScale().prepare(1)
    spend = QuickScale()
    spend.connect([ours])
    times = interleaved(
        {SUMMING: lambda: summing.spend(account), QUICKSCALE: lambda: spend.spend(ours)},
        seconds=run.scale.seconds,
    )
    target = 100 if run.is_sqlite else 30
    yield Result(
        what=f"spend with {run.scale.summed:,} entries an account",
        database=run.title,
        times=spreads(times),
        ratios=[ratio("spend against summing (0.41)", speed_ratio(times, QUICKSCALE, SUMMING), target)],
    )


def _alternate(contenders: list[Contender], seconds: float) -> Times:
    actions = {}
    for contender in contenders:
        [account] = contender.prepare(1)
        contender.connect([account])
        actions[contender.name] = partial(contender.spend, account)
    return interleaved(actions, seconds=seconds)
