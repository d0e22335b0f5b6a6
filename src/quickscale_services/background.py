"""`django.tasks` as the queue: Django's own, or the package django-tasks for Django 5.2."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from quickscale_services import queueing

if TYPE_CHECKING:
    from django.tasks import task
    from django.tasks.backends.dummy import DummyBackend
    from django.tasks.backends.immediate import ImmediateBackend
else:
    try:
        from django.tasks import task
        from django.tasks.backends.dummy import DummyBackend
        from django.tasks.backends.immediate import ImmediateBackend
    except ImportError:
        from django_tasks import task
        from django_tasks.backends.dummy import DummyBackend
        from django_tasks.backends.immediate import ImmediateBackend


@task
def execute_run(run_id: str, attempt: int) -> None:
    queueing.execute(run_id, attempt)


def enqueue(run_id: str, attempt: int, *, queue: str, delay: timedelta, backend: str) -> None:
    placed = place(queue, backend)
    if delay and placed.get_backend().supports_defer:
        placed = placed.using(run_after=timezone.now() + delay)
    placed.enqueue(run_id, attempt)


def place(queue: str, backend: str) -> Any:
    """Raises what `django.tasks` does for a backend or a queue that is not in `TASKS`."""
    return execute_run.using(backend=backend, queue_name=queue or None)


def has_workers(backend: str) -> bool:
    return not isinstance(place("", backend).get_backend(), ImmediateBackend | DummyBackend)
