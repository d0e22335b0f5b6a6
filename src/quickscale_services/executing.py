"""Calling a service's `execute`: a `def` or an `async def`, that returns or yields, from either kind of caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Generator, Iterator
from contextlib import aclosing, closing
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone
from django.utils.translation import gettext as _

from quickscale_services.exceptions import ServiceTimeout

if TYPE_CHECKING:
    from quickscale_services.context import Context
    from quickscale_services.runner import Started

T = TypeVar("T")

_END: Any = object()


def execute(started: Started) -> Any:
    """What `execute` gives; of a stream, the list of its pieces."""
    service, data, context = started.asked
    if isasyncgenfunction(service.execute) and service.stream:
        return async_to_sync(_gathered)(started)
    if service.stream:
        with closing(pieces(started)) as given:
            return [started.take(piece) for piece in given]
    if iscoroutinefunction(service.execute):
        return async_to_sync(_awaited)(context, service.execute(data, context))
    return service.execute(data, context)


async def aexecute(started: Started) -> Any:
    service, data, context = started.asked
    if service.stream:
        return await _gathered(started)
    if iscoroutinefunction(service.execute):
        return await _awaited(context, service.execute(data, context))
    return await sync_to_async(service.execute)(data, context)


def pieces(started: Started) -> Generator[Any]:
    """What the `execute` of a stream yields, when it yields it."""
    is_async = isasyncgenfunction(started.request.service.execute)
    return _stepped(_awaited_pieces(started)) if is_async else _own_pieces(started)


def apieces(started: Started) -> AsyncGenerator[Any]:
    is_async = isasyncgenfunction(started.request.service.execute)
    return _awaited_pieces(started) if is_async else _stepped_in_thread(_own_pieces(started))


async def _gathered(started: Started) -> list[Any]:
    async with aclosing(apieces(started)) as given:
        return [started.take(piece) async for piece in given]


def _own_pieces(started: Started) -> Generator[Any]:
    service, data, context = started.asked
    made = service.execute(data, context)
    if not isinstance(made, Iterator):
        raise TypeError(f"{type(service).__name__} has stream = True: its execute must yield, not return {made!r:.80}.")
    yield from made


async def _awaited_pieces(started: Started) -> AsyncGenerator[Any]:
    """Unlike those of a `def`, these can be stopped at the deadline."""
    service, data, context = started.asked
    async with aclosing(service.execute(data, context)) as made:
        while (piece := await _awaited(context, anext(made, _END))) is not _END:
            yield piece


def _stepped(given: AsyncGenerator[Any]) -> Generator[Any]:
    """All steps in one event loop: a connection that the service opens in one of them lasts for the others."""

    async def step() -> Any:
        return await anext(given, _END)

    with asyncio.Runner() as loop:
        try:
            while (piece := loop.run(step())) is not _END:
                yield piece
        finally:
            loop.run(given.aclose())


async def _stepped_in_thread(given: Generator[Any]) -> AsyncGenerator[Any]:
    step: Any = sync_to_async(next)
    try:
        while (piece := await step(given, _END)) is not _END:
            yield piece
    finally:
        # Where waiting was canceled, a step may still be under way: it is the thread that this waits for.
        await asyncio.shield(asyncio.ensure_future(sync_to_async(given.close)()))


async def _awaited(context: Context, given: Awaitable[T]) -> T:
    """Unlike a `def`, what waits can be stopped at its deadline."""
    remaining = (context.deadline - timezone.now()).total_seconds()
    try:
        async with asyncio.timeout(remaining) as limit:
            return await given
    except TimeoutError as error:
        if limit.expired():
            raise ServiceTimeout(_("There was no result in time; nothing was charged."), context.run) from error
        raise
