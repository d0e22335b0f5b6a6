"""A host under load: made, used by many at once, and its books looked at in the end."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import close_old_connections, connection
from django.test import Client

from quickscale_billing import catalog
from quickscale_billing.models import Purchase
from quickscale_billing.stripe import endpoints
from quickscale_credits import ledger
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import fund
from quickscale_services.models import ApiKey, ServiceRun
from tests.load.callers import Heard, buy, call_api, look_at_pages
from tests.load.processes import Web, kill_at_random, worker
from tests.load.tracing import STARTING, Waits, cause, causes

CATALOG = Path(__file__).parents[1] / "billing" / "catalog.toml"
PEOPLE = 10
SWEEPS = [("expire_credits",), ("sweep_runs",), ("settle_facts",), ("rollup_usage",), ("verify_ledger",)]
PERCENTILES = {"median": 49, "95 %": 94, "99 %": 98}


class Day:
    def __init__(self, shop: Any, *, seed: int, pause: float) -> None:
        self.shop, self.chance, self.pause = shop, random.Random(seed), pause
        call_command("migrate", verbosity=0)
        list(catalog.sync(catalog.read(CATALOG)))
        self.people = [get_user_model().objects.create_user(f"person-{number}") for number in range(PEOPLE)]
        for person in self.people:
            fund(person, 1_000_000)
        self.keys = [ApiKey.objects.issue(person, name="load", scopes=["services:run"])[1] for person in self.people]
        self.cookies = [cookie_of(person) for person in self.people]
        self.webs = [Web(), Web()]
        self.workers = [worker(), worker()]
        self.failed: list[str] = []
        self.memory: list[int] = []
        self.waits = Waits()
        wait_until_served([web.port for web in self.webs])
        endpoints.create(f"http://127.0.0.1:{self.webs[0].port}")

    def measure(self, seconds: float, *, alone: bool) -> Heard:
        """One program and one browser alone; or everybody, while processes are killed."""
        heard, until = Heard(), time.monotonic() + seconds
        everybody = self.some(heard, until, 1) if alone else self.all(heard, until)
        threads = [threading.Thread(target=self.work, args=(work,)) for work in everybody]
        with self.waits.watching():
            for thread in threads:
                thread.start()
            while not alone and time.monotonic() < until:
                self.memory.append(self.webs[0].memory())
                time.sleep(1)
            for thread in threads:
                thread.join()
        return heard

    def some(self, heard: Heard, until: float, number: int) -> list[Callable[[], None]]:
        ports, name = [web.port for web in self.webs], f"{until:.0f}"

        def going() -> bool:
            return time.monotonic() < until

        works: list[Callable[[], None]] = []
        for each in range(number):
            key, cookie = self.keys[each], self.cookies[each]
            works.append(partial(call_api, heard, ports, key, f"{name}-{each}", going))
            works.append(partial(look_at_pages, heard, ports, cookie, f"{name}-{each}", going))
        return works

    def all(self, heard: Heard, until: float) -> list[Callable[[], None]]:
        ports = [web.port for web in self.webs]

        def going() -> bool:
            return time.monotonic() < until

        later = [
            partial(call_api, heard, ports, key, f"later-{number}", going, later=True)
            for number, key in enumerate(self.keys[:2])
        ]
        return [
            *self.some(heard, until, 3),
            *later,
            lambda: buy(heard, self.shop, self.people, going),
            lambda: sweep(going),
            lambda: kill_at_random([*self.webs, *self.workers], self.chance, until=until, pause=self.pause),
        ]

    def work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self.failed.append(repr(error))
        finally:
            connection.close()

    def end(self) -> None:
        for process in [*self.webs, *self.workers]:
            process.kill()

    def problems(self, heard: Heard) -> list[str]:
        """After what the next sweeps and the next reconciliation would do anyway."""
        close_old_connections()
        settle_the_rest(self.shop)
        report = ledger.verify()
        runs = {str(run.pk): run for run in ServiceRun.objects.select_related("entry")}
        lost = [pk for pk in heard.runs.values() if pk not in runs or runs[pk].status != "succeeded"]
        unknown = [pk for pk in heard.queued.values() if pk not in runs]
        charged = [run.entry_id for run in runs.values() if run.entry_id]
        entries = set(LedgerEntry.objects.filter(kind="spend").values_list("pk", flat=True))
        given = Purchase.objects.values("entry").distinct().count()
        return [
            *self.failed,
            *map(str, report.problems),
            *sorted(set(heard.wrong)),
            *(f"run {pk} was acknowledged and is lost" for pk in lost + unknown),
            *([f"{len(charged)} runs were charged, by {len(entries)} spends"] if set(charged) != entries else []),
            *([f"{len(heard.paid)} packs were paid, {given} were given"] if len(heard.paid) != given else []),
        ]

    def report(self, idle: Heard, busy: Heard) -> str:
        starts = {web.port: web.restarts() for web in self.webs}
        undisturbed = Heard(answers=[a for a in busy.answers if cause(a, starts[a.port], self.waits) != STARTING])
        starting = [ready - start for spans in starts.values() for start, ready in spans]
        kills = [process.kills for process in [*self.webs, *self.workers]]
        longest = max(busy.cut_off, default=0)
        return "\n".join(
            [
                "| answers | alone, median | " + " | ".join(f"busy, {name}" for name in PERCENTILES) + " | count |",
                "|---|---|---|---|---|---|",
                *rows(idle, busy),
                *rows(idle, undisturbed, but=", but for waits for a start"),
                "",
                *causes(busy.answers, starts, self.waits),
                f"paid: {len(busy.paid)}; kills: {sum(kills) - len(kills)}",
                f"cut off, and not counted as answers: {len(busy.cut_off)}, after up to {longest:.1f} s",
                f"a web process is ready {average(starting):.1f} s after its start",
                self.growth(),
            ]
        )

    def growth(self) -> str:
        fifth = len(self.memory) // 5 or 1
        early, late = self.memory[fifth : 2 * fifth], self.memory[-fifth:]
        return (
            f"memory of a web process: {average(early) / 1024:.0f} MB in the second fifth, "
            f"{average(late) / 1024:.0f} MB in the last"
        )


def rows(idle: Heard, busy: Heard, *, but: str = "") -> Iterator[str]:
    """Percentiles of each kind of answer, relative to the median alone."""
    for kind in dict.fromkeys(answer.kind for answer in busy.answers):
        seconds = busy.seconds(kind)
        if len(seconds) < 2:
            continue
        alone = median(idle.seconds(kind) or idle.seconds("run"))
        cuts = quantiles(seconds, n=100)
        ratios = " | ".join(f"{cuts[place] / alone:.1f} times" for place in PERCENTILES.values())
        yield f"| {kind}{but} | {alone * 1000:.0f} ms | {ratios} | {len(seconds):,} |"


def average(numbers: list[Any]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def cookie_of(person: Any) -> str:
    client = Client()
    client.force_login(person)
    return f"sessionid={client.cookies['sessionid'].value}"


def wait_until_served(ports: list[int]) -> None:
    heard, deadline = Heard(), time.monotonic() + 60
    for port in ports:
        while heard.ask("start", port, "GET", "/billing/")[0] != 200:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Nobody serves port {port}.")


def sweep(going: Callable[[], bool]) -> None:
    while going():
        for command in SWEEPS:
            call_command(*command, verbosity=0, stdout=StringIO())


def settle_the_rest(shop: Any) -> None:
    shop.webhooks.deliver()
    call_command("settle_facts", "--all", stdout=StringIO())
    call_command("reconcile_billing", "--repair", stdout=StringIO())
