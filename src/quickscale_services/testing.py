"""For the tests of hosts: services that exist for one test, runs that are paid for, and a clock to turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from uuid import uuid4

from django.apps import apps
from django.db import DatabaseError
from django.db.models import Model
from django.utils import timezone

from quickscale_credits.conf import owner_model
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
    /,
    owner: Any = None,
    *,
    actor: Any = None,
    idempotency_key: str | None = None,
    **input: Any,  # noqa: A002 - the word of Input
) -> ServiceResult:
    """Give the owner just what this run may cost, and run it: by its name, or a class that need not be registered.

    Without an owner a new one is made, which works where an owner needs no more than a name to log in with.
    """
    runnable = registry[service] if isinstance(service, str) else service()
    payer = _new_owner() if owner is None else owner
    if price := runnable.estimate(**input):
        fund(payer, price)
    return runnable.run(payer, actor=actor, idempotency_key=idempotency_key, **input)


class Clock:
    """Stands still until it is told to advance."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta | float) -> None:
        """By a timedelta, or by seconds."""
        self.now += by if isinstance(by, timedelta) else timedelta(seconds=by)


@contextmanager
def fake_clock(now: datetime | None = None) -> Iterator[Clock]:
    """`django.utils.timezone.now()`, which is what "now" means here, answers with this clock; it begins at `now`."""
    clock = Clock(now or timezone.now())
    with mock.patch.object(timezone, "now", clock):
        yield clock


def _new_owner() -> Model:
    model = apps.get_model(owner_model())
    named = getattr(model, "USERNAME_FIELD", None)
    # A name that is good as an email address, too.
    values = {named: f"{uuid4().hex[:12]}@example.com"} if named else {}
    try:
        made: Model = model._default_manager.create(**values)
    except (DatabaseError, TypeError, ValueError) as error:
        raise ValueError(
            f"run_service cannot make a {model._meta.label} by itself: {error} Make one and pass it as the owner."
        ) from error
    return made
