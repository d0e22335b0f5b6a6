"""Work that no request should wait for: handed to a worker where `QUEUE` names one. A sweep does what is not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, TypeVar, cast

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils.module_loading import import_string

from quickscale_billing.conf import conf

logger = logging.getLogger(__name__)

Job = TypeVar("Job", bound=Callable[[int], Any])

JOBS: Final[dict[str, Callable[[int], Any]]] = {}


class Engine(Protocol):
    """Sees to it that a worker calls `queueing.work(name, pk)`, outside any transaction."""

    def __call__(self, name: str, pk: int) -> object: ...


def job(name: str) -> Callable[[Job], Job]:
    """A decorator of `pk -> None`, which does what is due for that row; called twice, or too late, it does nothing."""

    def register(function: Job) -> Job:
        JOBS[name] = function
        return function

    return register


def hand_over(name: str, pk: int) -> None:
    """When the caller's transaction commits. Whatever settings and engine raise is logged, and left to the sweep."""
    transaction.on_commit(partial(_hand_over, name, pk))


def work(name: str, pk: int) -> None:
    """What a worker calls."""
    JOBS[name](pk)


def require() -> Engine | None:
    """None where `QUEUE` names none. Raises `ImproperlyConfigured`, and what `django.tasks` does for what is not in
    `TASKS`."""
    if conf.QUEUE is None:
        return None
    return _named(conf.QUEUE) if "." in conf.QUEUE else _django_tasks(conf.QUEUE)


def has_workers() -> bool:
    """False where `QUEUE` names a backend of `django.tasks` that is meant for development."""
    return conf.QUEUE is None or "." in conf.QUEUE or bool(_background().has_workers(conf.QUEUE))


def _hand_over(name: str, pk: int) -> None:
    try:
        if engine := require():
            engine(name, pk)
    except Exception:  # whatever the engine raises: what was committed must not seem to have failed
        logger.exception("%s %s could not be handed to the queue.", name, pk)


def _named(path: str) -> Engine:
    try:
        return cast(Engine, import_string(path))
    except ImportError as error:
        raise ImproperlyConfigured(f'QUICKSCALE_BILLING["QUEUE"] cannot be imported: {error}') from error


def _django_tasks(backend: str) -> Engine:
    return cast(Engine, _background().work.using(backend=backend).enqueue)


def _background() -> Any:
    try:
        from quickscale_billing import background
    except ImportError:
        raise ImproperlyConfigured(
            'QUICKSCALE_BILLING["QUEUE"] needs Django 6 or the package django-tasks, or the path of a function.'
        ) from None
    return background
