"""A comment now and then while a stream is silent, so that nothing between takes the connection for dead.

https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import aclosing, contextmanager
from contextvars import copy_context
from typing import Any

from django.db import connections

from quickscale_services.conf import conf

HEARTBEAT = b":\n\n"

_END: Any = object()


def beating(given: Generator[bytes]) -> Generator[bytes]:
    """What is given, from a thread that makes it, since this one must write meanwhile; the first part is waited for.

    To close it waits for the step that is under way.
    """
    seconds, patience = conf.HEARTBEAT.total_seconds(), None
    with _stepping(given) as step:
        while (part := (yield from _waited_for(step(), patience))) is not _END:
            yield part
            patience = seconds


async def abeating(given: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """What is given, each step in a task of its own, which is canceled if nobody waits for it any more."""
    seconds = conf.HEARTBEAT.total_seconds()
    async with aclosing(given):
        while True:
            step = asyncio.ensure_future(_next(given))
            try:
                while not (await asyncio.wait([step], timeout=seconds))[0]:
                    yield HEARTBEAT
            finally:
                if not step.done():
                    step.cancel()
                    await asyncio.wait([step])
            if (part := step.result()) is _END:
                return
            yield part


def _waited_for(step: Future[bytes], patience: float | None) -> Generator[bytes, None, bytes]:
    while not wait([step], timeout=patience).done:
        yield HEARTBEAT
    return step.result()


@contextmanager
def _stepping(given: Generator[bytes]) -> Iterator[Callable[[], Future[bytes]]]:
    """The next step, by a thread that has this one's context and its database connections: this one leaves them alone
    until the step is done."""
    lent = {alias: connections[alias] for alias in connections}
    context = copy_context()
    for connection in lent.values():
        connection.inc_thread_sharing()
    try:
        with ThreadPoolExecutor(1, "quickscale-stream", _take, (lent,)) as thread:
            try:
                yield lambda: thread.submit(context.run, _step, given)
            finally:
                thread.submit(context.run, given.close).result()
    finally:
        for connection in lent.values():
            connection.dec_thread_sharing()


def _take(lent: dict[str, Any]) -> None:
    for alias, connection in lent.items():
        connections[alias] = connection


def _step(given: Generator[bytes]) -> bytes:
    return next(given, _END)


async def _next(given: AsyncGenerator[bytes]) -> bytes:
    return await anext(given, _END)
