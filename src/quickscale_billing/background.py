"""`django.tasks` as the queue: Django's own, or the package django-tasks for Django 5.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickscale_billing import queueing

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
def work(name: str, pk: int) -> None:
    queueing.work(name, pk)


def has_workers(backend: str) -> bool:
    return not isinstance(work.using(backend=backend).get_backend(), ImmediateBackend | DummyBackend)
