"""An HTTP request, answered by the SDK of MCP: in JSON, or by events where the client asks how far its run is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from quickscale_services.api.auth import key_holder
from quickscale_services.api.bodies import read_json
from quickscale_services.api.errors import MethodNotAllowed, problem_response
from quickscale_services.events import EVENT_STREAM, EventsResponse
from quickscale_services.mcp.asking import Asked
from quickscale_services.mcp.calls import server

Json = dict[str, Any]

_END: Any = object()


@csrf_exempt
@transaction.non_atomic_requests
async def endpoint(request: HttpRequest) -> HttpResponseBase:
    """Takes API keys alone, no sessions. What is refused before a tool is called is a problem of the HTTP API."""
    try:
        response = await _answer(request)
    except Exception as error:
        response = problem_response(request, error)
    add_never_cache_headers(response)
    return response


async def _answer(request: HttpRequest) -> HttpResponseBase:
    if request.method != "POST":
        raise MethodNotAllowed("POST")
    caller = await sync_to_async(key_holder)(request)
    message = read_json(request)  # as strict and as limited as the HTTP API
    # Under WSGI Django would gather the events before it sends the first.
    wants_progress = isinstance(request, ASGIRequest) and request.accepts(EVENT_STREAM) and _has_token(message)
    exchange = _Exchange(Asked(request=request, caller=caller, reading=asyncio.Event() if wants_progress else None))
    try:
        return await exchange.response()
    except BaseException:
        await exchange.aclose()
        raise


def _has_token(message: Json) -> bool:
    match message:
        case {"method": "tools/call", "params": {"_meta": {"progressToken": _}}}:
            return True
    return False


class _Exchange:
    """What the SDK sends, from a task of its own: it is to leave its scopes where it has entered them."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.loop = asyncio.get_running_loop()
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.create_task(self._run())

    async def response(self) -> HttpResponseBase:
        start = await self._next()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        if headers.get("content-type", "").startswith(EVENT_STREAM):
            return EventsResponse(self)
        body = b"".join([part async for part in self])
        return HttpResponse(body, status=start["status"], headers=headers)

    def __aiter__(self) -> _Exchange:
        return self

    async def __anext__(self) -> bytes:
        if self.asked.reading:
            self.asked.reading.set()
        message = await self._next()
        if message is _END:
            raise StopAsyncIteration
        part: bytes = message.get("body", b"")
        return part

    async def aclose(self) -> None:
        """If it has not ended, the client has gone away."""
        self.task.cancel()
        await asyncio.wait([self.task])

    def close(self) -> None:
        """From any thread, also of an answer that nobody has begun to read."""
        self.loop.call_soon_threadsafe(self.task.cancel)

    async def _next(self) -> Any:
        """Raises what the SDK did."""
        message = await self.sent.get()
        if message is _END:
            await self.task
        return message

    async def _run(self) -> None:
        request = self.asked.request
        manager = StreamableHTTPSessionManager(
            server,
            json_response=self.asked.reading is None,
            stateless=True,
            max_request_body_size=len(request.body) + 1,
        )
        try:
            async with manager.run():
                await manager.handle_request(_scope(self.asked), _receiving(request.body), self.sent.put)
        finally:
            self.sent.put_nowait(_END)


def _scope(asked: Asked) -> Json:
    request = asked.request
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    scope = {"type": "http", "method": request.method, "path": request.path, "query_string": b"", "headers": headers}
    return asked.within(scope)


def _receiving(body: bytes) -> Callable[[], Awaitable[Json]]:
    """The body, and then nothing more."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Json:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive
