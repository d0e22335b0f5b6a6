"""The rows of runs in the background, from the hold to the claim. How such a run ends, `records` says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import F
from django.utils import timezone

from quickscale_services import records
from quickscale_services.models import RunInput, RunQuerySet, ServiceRun

if TYPE_CHECKING:
    from quickscale_services.admitting import Request
    from quickscale_services.base import BaseService
    from quickscale_services.pricing.quoting import Quote

Status = ServiceRun.Status


def enqueue(request: Request, quote: Quote, rate_limit: str, kept: dict[str, Any]) -> ServiceRun:
    """Hold and record, in one transaction or in the caller's. Raises as `records.begin` does."""
    lasting = longest(request.service) + records.GRACE

    def work() -> ServiceRun:
        run = records.hold_and_save(_queued_run(request), request, quote, rate_limit, lasting=lasting)
        is_user = isinstance(request.actor, get_user_model())
        RunInput.objects.create(run=run, data=kept, actor_is_user=is_user)
        return run

    return records.transacted(work)


def _queued_run(request: Request) -> ServiceRun:
    run = records.new_run(request)
    run.status = Status.QUEUED
    run.in_background = True
    run.attempts = 0
    run.started_at = None
    run.deadline = run.created_at + request.service.queue_time_limit
    run.hand_over_again_at = run.created_at + _patience(request.service)
    return run


def _patience(service: BaseService) -> timedelta:
    """How long no worker begins a run before its task counts as lost: so it is handed over four times at most."""
    return service.queue_time_limit / 4


def claim_hand_over(run: ServiceRun, service: BaseService) -> bool:
    """False if another process has, or if a worker has begun it meanwhile."""
    changes = {"hand_over_again_at": timezone.now() + _patience(service)}
    unbegun = ServiceRun.objects.unbegun().filter(
        pk=run.pk, attempts=run.attempts, hand_over_again_at=run.hand_over_again_at
    )
    if not records.transacted(lambda: unbegun.update(**changes)):
        return False
    _set(run, **changes)
    return True


def longest(service: BaseService) -> timedelta:
    """From the hold to the last moment of the last attempt: each may wait, and work, as long as it may."""
    attempts = range(1, service.retries + 2)
    delays = sum(map(service.delay_before, attempts), timedelta(0))
    return delays + (service.queue_time_limit + service.time_limit) * len(attempts)


def claim(run: ServiceRun, service: BaseService) -> bool:
    """Begin this attempt. False if another worker has, or if its time is over: whatever calls twice begins once."""
    now = timezone.now()
    changes: dict[str, Any] = {
        "status": Status.RUNNING,
        "started_at": now,
        "deadline": min(now + service.time_limit, _last_moment(run, service)),
    }
    waiting = ServiceRun.objects.filter(pk=run.pk, status=Status.QUEUED, attempts=run.attempts, deadline__gt=now)
    if not records.transacted(lambda: waiting.update(**changes, attempts=F("attempts") + 1)):
        return False
    _set(run, **changes, attempts=run.attempts + 1)
    return True


def put_back(run: ServiceRun, service: BaseService, delay: timedelta) -> bool:
    """Let it wait for another attempt within the same hold. False if it has ended meanwhile."""
    begins_by = timezone.now() + delay + service.queue_time_limit
    changes = {
        "status": Status.QUEUED,
        "deadline": min(begins_by, _last_moment(run, service)),
        "hand_over_again_at": timezone.now() + delay + _patience(service),
        "progress": None,
        "progress_note": "",
        "provider_cost": run.provider_cost,
    }
    if not records.transacted(lambda: _this_attempt(run).update(**changes)):
        return False
    _set(run, **changes)
    return True


def note_progress(run: ServiceRun, **changes: Any) -> bool:
    """False if the run has ended meanwhile."""
    _set(run, **changes)
    return bool(_this_attempt(run).update(**changes))


def is_under_way(run: ServiceRun) -> bool:
    return _this_attempt(run).exists()


def _this_attempt(run: ServiceRun) -> RunQuerySet:
    return ServiceRun.objects.filter(pk=run.pk, status=Status.RUNNING, attempts=run.attempts)


def _last_moment(run: ServiceRun, service: BaseService) -> datetime:
    """The hold was made for the service as it was then; a deploy may have changed its times."""
    if run.hold is not None and run.hold.expires_at is not None:
        return run.hold.expires_at - records.GRACE
    return run.created_at + longest(service)


def _set(run: ServiceRun, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(run, name, value)
