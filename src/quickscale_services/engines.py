"""What hands runs to workers: `django.tasks`, or the function that the setting `QUEUE` names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from quickscale_services.conf import conf


class Engine(Protocol):
    """Sees to it that a worker calls `queueing.execute(run_id, attempt)`, after the delay if it can.

    `queue` is empty for the engine's default one. Whatever it raises, the run fails and nothing is charged.
    """

    def __call__(self, run_id: str, attempt: int, *, queue: str, delay: timedelta) -> None: ...


def require() -> Engine:
    """Raises `ImproperlyConfigured` if there is none."""
    if not _is_django_tasks():
        return _named(conf.QUEUE)
    tasks = _django_tasks()
    if tasks is None:
        raise ImproperlyConfigured(
            "Runs in the background need Django 6 or the package django-tasks "
            "(pip install 'django-quickscale[background]'), or a function that QUICKSCALE_SERVICES[\"QUEUE\"] names."
        )
    return partial(tasks.enqueue, backend=conf.QUEUE)


def require_queues(queues: Iterable[str]) -> None:
    """Raises `ImproperlyConfigured`, and what `django.tasks` does for what is not in `TASKS`."""
    require()
    if _is_django_tasks():
        for queue in queues:
            _django_tasks().place(queue, conf.QUEUE)


def is_available() -> bool:
    return not _is_django_tasks() or _django_tasks() is not None


def has_workers() -> bool:
    """False for the backends of `django.tasks` that are meant for development."""
    return not _is_django_tasks() or bool(_django_tasks().has_workers(conf.QUEUE))


def _is_django_tasks() -> bool:
    return "." not in conf.QUEUE


def _named(path: str) -> Engine:
    try:
        return cast(Engine, import_string(path))
    except ImportError as error:
        raise ImproperlyConfigured(f'QUICKSCALE_SERVICES["QUEUE"] cannot be imported: {error}') from error


def _django_tasks() -> Any:
    """None where it is not installed."""
    try:
        from quickscale_services import background
    except ImportError:
        return None
    return background
