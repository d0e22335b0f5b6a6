"""Celery as the queue: name `quickscale_services.celery.enqueue` in `QUEUE`, and this module in Celery's `imports`."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from quickscale_services import queueing


@shared_task(name="quickscale_services.execute_run", ignore_result=True)  # type: ignore[untyped-decorator]
def execute_run(run_id: str, attempt: int) -> None:
    queueing.execute(run_id, attempt)


def enqueue(run_id: str, attempt: int, *, queue: str, delay: timedelta) -> None:
    execute_run.apply_async((run_id, attempt), countdown=delay.total_seconds() or None, queue=queue or None)
