"""The run of a service for callers that are asynchronous: the same steps, with the database's in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async

from quickscale_services import ending, runner
from quickscale_services.base import ServiceResult
from quickscale_services.executing import aexecute

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.context import Listener

T = TypeVar("T")


async def run(
    service: BaseService, owner: Any, given: dict[str, Any], *, listener: Listener | None = None, **asked: Any
) -> ServiceResult:
    beginning = in_thread(partial(runner.begin, service, owner, given, **asked))
    try:
        started = await asyncio.shield(beginning)
    except asyncio.CancelledError as error:
        await _abandon(await beginning, error)
        raise
    if isinstance(started, ServiceResult):
        return started
    started.context.listener = listener
    return await _carry_out(started)


async def _carry_out(started: runner.Started) -> ServiceResult:
    try:
        output, kept = ending.fit(started, await aexecute(started))
    except BaseException as error:
        if started.was_heard and has_gone_away(error):
            await asyncio.shield(in_thread(partial(ending.cut_short, started)))
            raise
        told = await asyncio.shield(in_thread(partial(ending.fail, started, error)))
        if told is error:
            raise
        raise told from error
    # Once it is to be recorded, it is, even if nobody waits for it any more.
    return await asyncio.shield(in_thread(partial(ending.succeed, started, output, kept)))


def has_gone_away(error: BaseException) -> bool:
    """ASGI servers cancel the request's task; a service may raise the same error by its own mistake."""
    task = asyncio.current_task()
    is_canceled = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return is_canceled or isinstance(error, GeneratorExit)


async def _abandon(started: runner.Started | ServiceResult, error: BaseException) -> None:
    if isinstance(started, runner.Started):
        await in_thread(partial(ending.fail, started, error))


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    return asyncio.ensure_future(sync_to_async(work)())
