"""What a call of the protocol knows of the request that brought it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from mcp.server import ServerRequestContext

from quickscale_services.api.auth import Caller

_KEY = "quickscale.asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """`reading` is set when somebody reads the events that are the answer; None where that is JSON."""

    request: HttpRequest
    caller: Caller
    reading: asyncio.Event | None

    def within(self, scope: dict[str, Any]) -> dict[str, Any]:
        return scope | {_KEY: self}

    @classmethod
    def of(cls, context: ServerRequestContext[Any, Any]) -> Asked:
        asked: Asked = context.request.scope[_KEY]  # type: ignore[union-attr]
        return asked
