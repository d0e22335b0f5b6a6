"""Several workers, of whom one goes on at a time: a seed says who, before and after each statement and each commit.

Each worker is a thread with a connection of its own. One that waits for a lock of PostgreSQL's is known by that, and
somebody else goes on. What happens is a list of (worker, point). Of two workers, the same seed gives the same course;
of more, two may wait for one commit, and after it PostgreSQL says who comes first.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from django.db import connection

Work = Callable[[], None]
PATIENCE = 60
_current = threading.local()


class Stage:
    def __init__(self, seed: object, works: Iterable[Work]) -> None:
        self.chance = random.Random(str(seed))
        self.changed = threading.Condition()
        self.workers = [Worker(self, number, work) for number, work in enumerate(works)]
        self.course: list[tuple[int, str]] = []

    def play(self) -> list[tuple[int, str]]:
        """Until every worker is done. Raises what a worker raised."""
        for worker in self.workers:
            worker.thread.start()
        with self.changed:
            while True:
                ready = self.settle()
                if not ready:
                    break
                worker = self.chance.choice(ready)
                self.course.append((worker.number, worker.point))
                worker.go()
        for worker in self.workers:
            worker.thread.join()
        for error in filter(None, (worker.error for worker in self.workers)):
            raise error
        return self.course

    def settle(self) -> list["Worker"]:
        """Who can go on, once everybody has arrived at a point or waits for a lock; nobody, once all are done."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            under_way = [worker for worker in self.workers if worker.state == "under way"]
            ready = [worker for worker in self.workers if worker.state == "ready"]
            if not under_way or (ready and all_wait_for_locks([worker.pid for worker in under_way])):
                return ready
            self.changed.wait(timeout=0.001)
        raise AssertionError(f"Nobody goes on: {[(worker.number, worker.state) for worker in self.workers]}")


def all_wait_for_locks(pids: list[int]) -> bool:
    if 0 in pids:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT bool_and(cardinality(pg_blocking_pids(pid)) > 0) FROM unnest(%s) AS pid", [pids])
        [waiting] = cursor.fetchone()
    return bool(waiting)


class Worker:
    """What it may look at while it waits is its own; `state` and `point` change under the stage's condition."""

    def __init__(self, stage: Stage, number: int, work: Work) -> None:
        self.stage, self.number, self.work = stage, number, work
        self.state, self.point, self.pid = "under way", "", 0
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self.run, name=f"worker-{number}", daemon=True)

    def run(self) -> None:
        _current.worker = self
        try:
            with switching(self.arrive):
                self.pid = connection.connection.info.backend_pid
                self.arrive("begin")
                self.work()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()
            with self.stage.changed:
                self.state = "done"
                self.stage.changed.notify_all()

    def arrive(self, point: str) -> None:
        with self.stage.changed:
            self.state, self.point = "ready", point
            self.stage.changed.notify_all()
            self.stage.changed.wait_for(lambda: self.state == "under way", timeout=PATIENCE)

    def go(self) -> None:
        self.state = "under way"
        self.stage.changed.notify_all()


def switching(arrive: Callable[[str], None]) -> AbstractContextManager[Any]:
    """From now on this thread's connection arrives before and after each statement and each commit."""
    connection.ensure_connection()
    commit = connection._commit

    def executed(execute: Any, sql: str, *arguments: Any) -> Any:
        point = " ".join(sql.split()[:3])
        arrive(f"before {point}")
        try:
            return execute(sql, *arguments)
        finally:
            arrive(f"after {point}")

    def committed() -> None:
        arrive("before COMMIT")
        commit()
        arrive("after COMMIT")

    connection._commit = committed
    return connection.execute_wrapper(executed)


def call_provider(what: str) -> None:
    """To be called where a provider would be: before and after it, others may go on."""
    worker: Worker | None = getattr(_current, "worker", None)
    if worker is not None:
        worker.arrive(f"before {what}")
        worker.arrive(f"after {what}")
