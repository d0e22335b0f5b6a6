"""Calling a service's `execute`, be it a `def` or an `async def`, from either kind of caller."""

from __future__ import annotations

import asyncio
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone
from django.utils.translation import gettext as _

from quickscale_services.exceptions import ServiceTimeout

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.context import Context


def execute(service: BaseService, data: Any, context: Context) -> Any:
    if iscoroutinefunction(service.execute):
        return async_to_sync(_awaited)(service, data, context)
    return service.execute(data, context)


async def aexecute(service: BaseService, data: Any, context: Context) -> Any:
    if iscoroutinefunction(service.execute):
        return await _awaited(service, data, context)
    return await sync_to_async(service.execute)(data, context)


async def _awaited(service: BaseService, data: Any, context: Context) -> Any:
    """Unlike a `def`, what waits can be stopped at its deadline."""
    remaining = (context.deadline - timezone.now()).total_seconds()
    try:
        async with asyncio.timeout(remaining) as limit:
            return await service.execute(data, context)
    except TimeoutError as error:
        if limit.expired():
            raise ServiceTimeout(_("There was no result in time; nothing was charged."), context.run) from error
        raise
