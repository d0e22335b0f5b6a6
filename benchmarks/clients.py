"""Several clients at once, each a process of its own: threads would wait for each other instead of the database."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any


class Clients:
    def __init__(self, pipes: list[Connection]) -> None:
        self.pipes = pipes

    def per_second(self, contender: str, accounts: Sequence[int], seconds: float) -> float:
        """How many spends a second they reach together, each client taking the accounts in an order of its own."""
        return sum(self._all("per_second", contender, accounts, seconds))

    def spends(self, contender: str, accounts: Sequence[int], count: int) -> None:
        """So many spends by each client."""
        self._all("spends", contender, accounts, count)

    def _all(self, *message: Any) -> list[Any]:
        for pipe in self.pipes:
            pipe.send(message)
        answers = [pipe.recv() for pipe in self.pipes]
        if failures := [answer for answer in answers if isinstance(answer, str)]:
            raise RuntimeError(failures[0])
        return answers


@contextmanager
def clients(count: int, database: str, place: str) -> Iterator[Clients]:
    context = get_context("spawn")
    pairs = [context.Pipe() for _ in range(count)]
    workers = [context.Process(target=_work, args=(theirs, database, place)) for _, theirs in pairs]
    for worker in workers:
        worker.start()
    try:
        yield Clients([ours for ours, _ in pairs])
    finally:
        for ours, _ in pairs:
            ours.send(None)
        for worker in workers:
            worker.join()


def _work(pipe: Connection, database: str, place: str) -> None:
    import django

    os.environ |= {"BENCHMARK_DATABASE": database, "BENCHMARK_PLACE": place}
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()
    worker = _Worker()
    while message := pipe.recv():
        try:
            what, *arguments = message
            pipe.send(getattr(worker, what)(*arguments))
        except Exception as error:
            pipe.send(repr(error))


class _Worker:
    def __init__(self) -> None:
        self.turns: dict[tuple[str, int], Iterator[Callable[[], Any]]] = {}

    def per_second(self, contender: str, accounts: Sequence[int], seconds: float) -> float:
        turn, count = self._turn(contender, accounts), 0
        start = time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds:
            next(turn)()
            count += 1
        return count / passed

    def spends(self, contender: str, accounts: Sequence[int], count: int) -> None:
        turn = self._turn(contender, accounts)
        for _ in range(count):
            next(turn)()

    def _turn(self, name: str, accounts: Sequence[int]) -> Iterator[Callable[[], Any]]:
        """A spend on one account after the other, in an order of this client's own."""
        from benchmarks.contenders import named

        key = (name, accounts[0])
        if key not in self.turns:
            contender = named(name)
            contender.connect(accounts)
            order = random.sample(accounts, len(accounts))
            self.turns[key] = cycle([partial(contender.spend, account) for account in order])
        return self.turns[key]
