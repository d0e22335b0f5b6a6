"""The services as tools of the Model Context Protocol, over streamable HTTP: `path("mcp", endpoint)`.

A call of a tool is a run like any other: the same keys, scopes, prices and charges. Each request is an exchange of its
own, without a session, so that any number of processes may answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.csrf import csrf_exempt
from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from quickscale_credits import __version__
from quickscale_credits.ledger.joining import checked_key
from quickscale_services import asynchronous
from quickscale_services.api.auth import Caller, key_holder
from quickscale_services.api.bodies import read_json
from quickscale_services.api.errors import MethodNotAllowed, problem, problem_response
from quickscale_services.api.openapi import closed, offered
from quickscale_services.api.rendering import as_json
from quickscale_services.api.streams import outcome
from quickscale_services.base import BaseService, ServiceResult
from quickscale_services.exceptions import InvalidInput
from quickscale_services.input_shapes import file_fields
from quickscale_services.models import Service
from quickscale_services.pricing.labels import price_label
from quickscale_services.registry import registry
from quickscale_services.schemas import output_schema, plain

T = TypeVar("T")
Json = dict[str, Any]

IDEMPOTENCY_KEY = "quickscale/idempotency-key"
_ASKED = "quickscale.asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    request: HttpRequest
    caller: Caller


@csrf_exempt
@transaction.non_atomic_requests
async def endpoint(request: HttpRequest) -> HttpResponse:
    """Takes API keys alone, no sessions. What is refused before a tool is called is a problem of the HTTP API."""
    try:
        response = await _exchange(request)
    except Exception as error:
        response = problem_response(request, error)
    add_never_cache_headers(response)
    return response


async def _exchange(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        raise MethodNotAllowed("POST")
    caller = await sync_to_async(key_holder)(request)
    read_json(request)  # as strict and as limited as the HTTP API
    answer = Answer()
    manager = StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=len(request.body) + 1
    )
    async with manager.run():
        scope = _scope(request) | {_ASKED: Asked(request=request, caller=caller)}
        await manager.handle_request(scope, _receiving(request.body), answer.send)
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)


def _scope(request: HttpRequest) -> Json:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    return {
        "type": "http",
        "method": request.method,
        "path": request.path,
        "query_string": b"",
        "headers": headers,
    }


def _receiving(body: bytes) -> Callable[[], Awaitable[Json]]:
    """The body, and then nothing more."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Json:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    return receive


@dataclass(kw_only=True)
class Answer:
    """What an ASGI application sends."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")


async def _list_tools(
    context: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
) -> ListToolsResult:
    return ListToolsResult(tools=await sync_to_async(_tools)(_asked(context).caller))


async def _call_tool(context: ServerRequestContext[Any, Any], params: CallToolRequestParams) -> CallToolResult:
    asked = _asked(context)
    try:
        told = await _uninterrupted(_run(asked, params, (context.meta or {}).get(IDEMPOTENCY_KEY)))
    except Exception as error:
        told = problem(asked.request, error)
        return _result(told, text=f"{told['code']}: {_explained(told)}", is_error=True)
    return _result(told, text=as_json(told).decode())


server: Server[Any] = Server(
    "quickscale",
    version=__version__,
    on_list_tools=_list_tools,
    on_call_tool=_call_tool,
    # No argument is a header as well: without this, each call would list all tools to find that out.
    get_tool_input_schema=lambda name: None,
)


def _asked(context: ServerRequestContext[Any, Any]) -> Asked:
    asked: Asked = context.request.scope[_ASKED]  # type: ignore[union-attr]
    return asked


def _tools(caller: Caller) -> list[Tool]:
    """What is switched on and the key may run. A file cannot be sent, so what needs one is left out."""
    return [
        _tool(service, switch)
        for service, switch in offered()
        if caller.may_run(service.name) and not _needs_file(service)
    ]


def _needs_file(service: BaseService) -> bool:
    required = service.Input.model_json_schema().get("required", [])
    return not file_fields(service).keys().isdisjoint(required)


def _tool(service: BaseService, switch: Service) -> Tool:
    price = f"Price: {price_label(service, switch)}."
    return Tool(
        name=service.name,
        title=str(service),
        description=" ".join(filter(None, (str(service.description), price))),
        input_schema=_input_schema(service),
        output_schema=_output_schema(service),
        annotations=ToolAnnotations(title=str(service)),
    )


def _input_schema(service: BaseService) -> Json:
    schema: Json = closed(service.Input.model_json_schema())
    files = file_fields(service)
    schema["properties"] = {name: each for name, each in schema.get("properties", {}).items() if name not in files}
    if "$defs" in schema:
        schema["$defs"] = {name: closed(inner) for name, inner in schema["$defs"].items()}
    return {"type": "object"} | schema


def _output_schema(service: BaseService) -> Json:
    """As the HTTP API answers. A replay has no output once that is no longer kept."""
    output: Json = output_schema(service) or {}
    definitions = output.pop("$defs", {})
    answer: Json = {
        "run": {"type": "object", "description": "The record of this run."},
        "cost": {"type": "string", "description": "Credits that were charged."},
        "balance": {"type": "string", "description": "Credits that are available now."},
        "output": {"anyOf": [output, {"type": "null"}]} if output else {},
    }
    return {"type": "object", "properties": answer, "required": list(answer), "$defs": definitions}


async def _run(asked: Asked, params: CallToolRequestParams, key: Any) -> Json:
    caller = asked.caller
    result = await asynchronous.run(
        _service(caller, params.name),
        caller.owner,
        params.arguments or {},
        actor=caller.actor,
        idempotency_key=_checked(key),
        api_key=caller.key,
    )
    return await sync_to_async(_told)(result, caller)


def _service(caller: Caller, name: str) -> BaseService:
    """Raises `PermissionDenied` and `UnknownService`."""
    caller.require_services()
    found = registry[name]
    caller.require_service(name)
    return found


def _checked(key: Any) -> str | None:
    try:
        return checked_key(key)
    except ValueError as error:
        raise InvalidInput(
            [{"loc": ("_meta", IDEMPOTENCY_KEY), "msg": str(error), "type": "idempotency_key"}]
        ) from None


def _told(result: ServiceResult, caller: Caller) -> Json:
    told: Json = outcome(result, caller).model_dump(mode="json")
    return told | {"output": plain(result.output)}


def _explained(told: Json) -> str:
    errors = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in told.get("errors", []))
    return f"{told['detail']} {errors}".strip()


def _result(told: Json, *, text: str, is_error: bool = False) -> CallToolResult:
    content = [TextContent(type="text", text=text)]
    return CallToolResult(content=list(content), structured_content=told, is_error=is_error)


async def _uninterrupted(run: Awaitable[T]) -> T:
    """In a task of its own, which is canceled once: the scopes of `anyio` would cancel its cleaning up as well."""
    task = asyncio.ensure_future(run)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
        raise
