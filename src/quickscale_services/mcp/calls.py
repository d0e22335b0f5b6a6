"""Calls of tools, each of which is a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import nullcontext, suppress
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from mcp.server import Server, ServerRequestContext
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)

from quickscale_credits import __version__
from quickscale_credits.ledger.joining import checked_key
from quickscale_services import asynchronous
from quickscale_services.api.auth import Caller
from quickscale_services.api.errors import problem
from quickscale_services.api.rendering import as_json
from quickscale_services.api.streams import outcome
from quickscale_services.base import BaseService, ServiceResult
from quickscale_services.exceptions import InvalidInput
from quickscale_services.mcp.asking import Asked
from quickscale_services.mcp.files import read_files
from quickscale_services.mcp.progress import Progress
from quickscale_services.mcp.tools import tools
from quickscale_services.registry import registry
from quickscale_services.schemas import plain

T = TypeVar("T")
Json = dict[str, Any]

IDEMPOTENCY_KEY = "quickscale/idempotency-key"


async def _list_tools(
    context: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None
) -> ListToolsResult:
    return ListToolsResult(tools=await sync_to_async(tools)(Asked.of(context).caller))


async def _call_tool(context: ServerRequestContext[Any, Any], params: CallToolRequestParams) -> CallToolResult:
    asked = Asked.of(context)
    progress = Progress(context.session, asked.reading) if asked.reading else None
    running = _run(asked.caller, params, (context.meta or {}).get(IDEMPOTENCY_KEY), progress)
    try:
        async with progress.told() if progress else nullcontext():
            told = await _uninterrupted(running)
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


async def _run(caller: Caller, params: CallToolRequestParams, key: Any, progress: Progress | None) -> Json:
    service = _service(caller, params.name)
    result = await asynchronous.run(
        service,
        caller.owner,
        read_files(service, params.arguments or {}),
        listener=progress,
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
