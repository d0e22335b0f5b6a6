"""`django.tasks` as the queue: Django's own, or the package django-tasks for Django 5.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickscale_billing import queueing

if TYPE_CHECKING:
    from django.tasks import task
else:
    try:
        from django.tasks import task
    except ImportError:
        from django_tasks import task


@task
def work(name: str, pk: int) -> None:
    queueing.work(name, pk)
