"""A run whose pieces are handed on as they come. Its credits are settled when they end, however they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, Any

from quickscale_services import ending, executing, runner
from quickscale_services.asynchronous import has_gone_away, in_thread
from quickscale_services.base import ServiceResult

if TYPE_CHECKING:
    from quickscale_services.base import BaseService


def as_it_is(piece: Any) -> Any:
    return piece


class Stream:
    """Iterate it once, in either way; afterwards it has its `result`.

    What goes wrong is raised as by `run`. To close the iterator before its end means that whoever asked has gone
    away: what was charged until then is captured, or the whole cost where nothing was.
    """

    result: ServiceResult

    def __init__(self, service: BaseService, begun: runner.Started | ServiceResult) -> None:
        self.service = service
        self.begun = begun

    @property
    def is_replay(self) -> bool:
        return isinstance(self.begun, ServiceResult) and self.begun.replayed

    def pieces(self, word: Callable[[Any], Any] = as_it_is) -> Generator[Any]:
        """Each as `word` words it. Where that fails, so has the run: nobody has gone away."""
        if isinstance(self.begun, ServiceResult):
            yield from map(word, self._whole(self.begun))
        else:
            self.result = yield from _pieces(self.begun, word)

    async def apieces(self, word: Callable[[Any], Any] = as_it_is) -> AsyncGenerator[Any]:
        if isinstance(self.begun, ServiceResult):
            for piece in self._whole(self.begun):
                yield word(piece)
            return
        async with aclosing(_apieces(self.begun, word)) as given:
            async for piece in given:
                yield piece
        # Once it is to be recorded, it is, even if nobody waits for it any more.
        self.result = await asyncio.shield(in_thread(partial(_succeed, self.begun)))

    def _whole(self, result: ServiceResult) -> Generator[Any]:
        """A replay; or a service that does not stream, as one piece. What is kept no longer is none."""
        self.result = result
        if result.output is not None:
            yield from result.output if self.service.stream else [result.output]


def begin(service: BaseService, owner: Any, given: dict[str, Any], **asked: Any) -> Stream:
    """Up to the commit of the hold. A service that does not stream has run when this returns."""
    starting = runner.begin if service.stream else runner.run
    return Stream(service, starting(service, owner, given, **asked))


def _pieces(started: runner.Started, word: Callable[[Any], Any]) -> Generator[Any, None, ServiceResult]:
    try:
        with closing(executing.pieces(started)) as given:
            for given_piece in given:
                worded = word(started.take(given_piece))
                with started.waiting():
                    yield worded
        started.context.check()
    except GeneratorExit:
        ending.cut_short(started)
        raise
    except BaseException as error:
        told = ending.fail(started, error)
        if told is error:
            raise
        raise told from error
    return _succeed(started)


async def _apieces(started: runner.Started, word: Callable[[Any], Any]) -> AsyncGenerator[Any]:
    try:
        async with aclosing(executing.apieces(started)) as given:
            async for given_piece in given:
                worded = word(started.take(given_piece))
                with started.waiting():
                    yield worded
        started.context.check()
    except BaseException as error:
        if has_gone_away(error):
            await asyncio.shield(in_thread(partial(ending.cut_short, started)))
            raise
        told = await asyncio.shield(in_thread(partial(ending.fail, started, error)))
        if told is error:
            raise
        raise told from error


def _succeed(started: runner.Started) -> ServiceResult:
    return ending.succeed(started, started.pieces, started.pieces)
