"""`django.tasks` as the queue: Django's own, or the package django-tasks for Django 5.2."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task

from quickscale_services import queueing


@task
def execute_run(run_id: str, attempt: int) -> None:
    queueing.execute(run_id, attempt)


def enqueue(run_id: str, attempt: int, *, queue: str, delay: timedelta, backend: str) -> None:
    placed = execute_run.using(backend=backend, queue_name=queue or None)
    if delay and placed.get_backend().supports_defer:
        placed = placed.using(run_after=timezone.now() + delay)
    placed.enqueue(run_id, attempt)
