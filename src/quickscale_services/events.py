"""A stream as server-sent events: a `data:` event for each piece, then `event: result` or `event: error`, and comments
while it is silent.

https://html.spec.whatwg.org/multipage/server-sent-events.html; all data is JSON, which stands on one line.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing
from functools import partial
from typing import Any, Protocol

from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from pydantic_core import to_json

from quickscale_services.asynchronous import in_thread
from quickscale_services.base import ServiceResult
from quickscale_services.heartbeats import abeating, beating
from quickscale_services.schemas import plain
from quickscale_services.streaming import Stream

EVENT_STREAM = "text/event-stream"


class Teller(Protocol):
    """What the data of each event is. The last two may ask the database."""

    def piece(self, piece: Any) -> Any: ...
    def result(self, result: ServiceResult) -> Any: ...
    def error(self, error: Exception) -> Any: ...


def wants_events(request: HttpRequest) -> bool:
    """A browser's or a program's `*/*` is no wish for events."""
    return request.get_preferred_type(["application/json", "text/html", EVENT_STREAM]) == EVENT_STREAM


def respond(request: HttpRequest, stream: Stream, teller: Teller) -> HttpResponseBase:
    """What goes wrong before the first piece is raised: it has a status of its own. Later it is an event."""
    begin: Any = _AsyncEvents.begin if isinstance(request, ASGIRequest) else _Events.begin
    response = EventsResponse(begin(stream, teller))
    if stream.is_replay:
        response["Idempotent-Replayed"] = "true"
    return response


class EventsResponse(StreamingHttpResponse):
    def __init__(self, given: Any) -> None:
        super().__init__(given, content_type=EVENT_STREAM)
        # Neither nginx nor GZipMiddleware is to wait until there is more of it.
        self["X-Accel-Buffering"] = "no"
        self["Content-Encoding"] = "identity"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Django does not close the inner iterator when the client has gone."""
        given: Any = self._iterator  # type: ignore[attr-defined]
        async with aclosing(given):
            async for part in given:
                yield part


class _Events:
    """Events of which the first is there already."""

    def __init__(self, first: bytes, rest: Generator[bytes]) -> None:
        self.first: bytes | None = first
        self.rest = rest

    @classmethod
    def begin(cls, stream: Stream, teller: Teller) -> _Events:
        rest = beating(_events(stream, teller))
        return cls(next(rest), rest)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        first, self.first = self.first, None
        return first if first is not None else next(self.rest)

    def close(self) -> None:
        self.rest.close()


class _AsyncEvents:
    def __init__(self, first: bytes, rest: AsyncGenerator[bytes]) -> None:
        self.first: bytes | None = first
        self.rest = rest
        self.beating = abeating(rest)

    @classmethod
    def begin(cls, stream: Stream, teller: Teller) -> _AsyncEvents:
        rest = _aevents(stream, teller)
        # In the loop of the server, where the other events are made as well.
        return cls(async_to_sync(_first)(rest), rest)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        first, self.first = self.first, None
        return first if first is not None else await anext(self.beating)

    async def aclose(self) -> None:
        await self.beating.aclose()
        await self.rest.aclose()  # of which nothing may have been asked for yet


def _events(stream: Stream, teller: Teller) -> Generator[bytes]:
    has_begun = False
    try:
        with closing(stream.pieces(lambda piece: _event(teller.piece(piece)))) as given:
            for event in given:
                yield event
                has_begun = True
        yield _last(stream, teller)
    except Exception as error:
        if not has_begun:
            raise
        yield _event(teller.error(error), "error")


async def _aevents(stream: Stream, teller: Teller) -> AsyncGenerator[bytes]:
    has_begun = False
    try:
        async with aclosing(stream.apieces(lambda piece: _event(teller.piece(piece)))) as given:
            async for event in given:
                yield event
                has_begun = True
        yield await in_thread(partial(_last, stream, teller))
    except Exception as error:
        if not has_begun:
            raise
        yield _event(await in_thread(partial(teller.error, error)), "error")


async def _first(events: AsyncGenerator[bytes]) -> bytes:
    return await anext(events)


def _last(stream: Stream, teller: Teller) -> bytes:
    return _event(teller.result(stream.result), "result")


def _event(data: Any, kind: str = "") -> bytes:
    return b"%sdata: %s\n\n" % (f"event: {kind}\n".encode() if kind else b"", to_json(plain(data), inf_nan_mode="null"))
