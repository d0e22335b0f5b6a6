"""Why an answer took long: whether its web process was starting, or what the database's sessions waited for."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection

SLOW = 2.0
EVERY = 0.2
STARTING = "its web process was starting"
UNKNOWN = "neither: the processors were busy"
# Those that wait for a client are idle, whatever they did last; a lock names who has it.
WAITS = """
    SELECT a.wait_event_type || ' ' || a.wait_event || coalesce(', held by: ' || left(b.query, 60), '')
    FROM pg_stat_activity a LEFT JOIN pg_stat_activity b ON b.pid = ANY (pg_blocking_pids(a.pid))
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.state <> 'idle'
    AND a.wait_event_type NOT IN ('Client', 'Activity', 'Timeout')
"""


@dataclass(frozen=True)
class Answer:
    """When somebody asked the web process of this port, and when the answer was there."""

    kind: str
    port: int
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


Span = tuple[float, float]


@dataclass
class Waits:
    """What sessions of the database waited for, moment by moment, while this was watching."""

    seen: list[tuple[float, str]] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self, over: threading.Event) -> None:
        try:
            while not over.wait(EVERY):
                with connection.cursor() as cursor:
                    cursor.execute(WAITS)
                    self.seen += [(time.monotonic(), wait) for [wait] in cursor.fetchall()]
        finally:
            connection.close()

    def during(self, answer: Answer) -> str | None:
        """What somebody waited for during at least half of the answer."""
        kinds = Counter(wait for at, wait in self.seen if answer.began <= at <= answer.ended)
        [(wait, times)] = kinds.most_common(1) or [("", 0)]
        return wait if times * EVERY >= answer.seconds / 2 else None


def waited_for_start(answer: Answer, starts: Iterable[Span]) -> float:
    """How many seconds of the answer its web process was not ready."""
    return sum(max(0.0, min(answer.ended, ready) - max(answer.began, killed)) for killed, ready in starts)


def cause(answer: Answer, starts: Iterable[Span], waits: Waits) -> str:
    if waited_for_start(answer, starts) >= answer.seconds / 2:
        return STARTING
    return waits.during(answer) or UNKNOWN


def causes(answers: Iterable[Answer], starts: dict[int, list[Span]], waits: Waits) -> Iterator[str]:
    """A line for each cause of slow answers, the most frequent first."""
    slow: dict[str, list[float]] = {}
    for answer in answers:
        if answer.seconds > SLOW:
            slow.setdefault(cause(answer, starts[answer.port], waits), []).append(answer.seconds)
    for why, seconds in sorted(slow.items(), key=lambda each: -len(each[1])):
        yield f"slower than {SLOW:.0f} s: {len(seconds)}, up to {max(seconds):.1f} s: {why}"
