"""For the tests of hosts: services that exist for one test, and runs that are paid for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from quickscale_credits.testing import fund
from quickscale_services.base import BaseService, ServiceResult
from quickscale_services.registry import registry


@contextmanager
def register_temporarily(*services: type[BaseService]) -> Iterator[None]:
    """Register these, and afterwards have the registry as it was."""
    before = registry.snapshot()
    try:
        for service in services:
            registry.register(service)
        yield
    finally:
        registry.restore(before)


def run_service(
    service: type[BaseService] | str,
    owner: Any,
    *,
    actor: Any = None,
    idempotency_key: str | None = None,
    **input: Any,  # noqa: A002 - the word of Input
) -> ServiceResult:
    """Give the owner just what this run may cost, and run it: by its name, or a class that need not be registered."""
    runnable = registry[service] if isinstance(service, str) else service()
    if price := runnable.estimate(**input):
        fund(owner, price)
    return runnable.run(owner, actor=actor, idempotency_key=idempotency_key, **input)
