"""The same run in the background: held here, executed by a worker, charged once if it succeeds."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils import timezone

from quickscale_credits.exceptions import CaptureExceedsHold
from quickscale_credits.ledger.joining import refuse_open_transaction
from quickscale_credits.models import Hold
from quickscale_services import admitting, background_records, ending, engines, parcels, records, runner
from quickscale_services.admitting import Request
from quickscale_services.exceptions import InvalidInput, RunCanceled, ServiceTimeout
from quickscale_services.executing import execute as call
from quickscale_services.handing_over import hand_over_on_commit, hand_over_retry
from quickscale_services.models import RunInput, ServiceRun
from quickscale_services.registry import registry
from quickscale_services.replays import first_run
from quickscale_services.switches import switch_of

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.models import ApiKey

logger = logging.getLogger("quickscale_services")

# Trying these again would change nothing.
FINAL = (InvalidInput, RunCanceled, CaptureExceedsHold)


@dataclass(frozen=True, kw_only=True, slots=True)
class Enqueued:
    run: ServiceRun
    replayed: bool = False


def enqueue(
    service: BaseService,
    owner: Any,
    given: dict[str, Any],
    *,
    actor: Any = None,
    idempotency_key: str | None = None,
    api_key: ApiKey | None = None,
) -> Enqueued:
    engines.require()
    request = admitting.prepare(service, owner, given, actor=actor, idempotency_key=idempotency_key, api_key=api_key)
    if first := _first(request):
        return first
    switch = switch_of(service.name)
    quote = admitting.admit(request, switch)
    kept = parcels.pack(service, given, request.data)
    record = partial(background_records.enqueue, request, quote, switch.rate_limit, kept)
    run = admitting.record_once(request, record, _first)
    if isinstance(run, Enqueued):
        return run
    hand_over_on_commit(run, service)
    return Enqueued(run=run)


def execute(run_id: UUID | str, attempt: int) -> None:
    """What a worker calls, outside any transaction. A task that comes twice, or too late, does nothing."""
    refuse_open_transaction("queueing.execute")
    waiting = ServiceRun.objects.select_related("account__owner", "hold", "api_key")
    run = waiting.filter(pk=run_id, status=ServiceRun.Status.QUEUED, attempts=attempt).first()
    if run is None:
        logger.info("Run %s waits for no attempt %s: it was canceled, swept, or its task came twice.", run_id, attempt)
    elif service := _service(run):
        _attempt(run, service)


def cancel(run: ServiceRun) -> ServiceRun:
    """`ServiceRun.cancel`."""
    records.cancel(ServiceRun.objects.select_related("hold").get(pk=run.pk))
    run.refresh_from_db()
    return run


def _first(request: Request) -> Enqueued | None:
    run = first_run(request)
    return None if run is None else Enqueued(run=run, replayed=True)


def _service(run: ServiceRun) -> BaseService | None:
    """None if the run cannot be executed: then it has been settled, and nothing was charged."""
    service = registry.get(run.service)
    if service is None:
        records.fail(run, "unknown_service")
    elif not switch_of(service.name).is_active:
        records.fail(run, "service_disabled")
    elif run.account.owner is None:
        records.cancel(run, "owner_erased")
    elif run.deadline and run.deadline <= timezone.now():
        records.expire(run)
    elif run.hold and run.hold.status != Hold.Status.OPEN:
        records.fail(run, "hold_closed")
    else:
        return service
    logger.warning("Run %s of %s was not executed: %s.", run.pk, run.service, run.error_code or run.status)
    return None


def _attempt(run: ServiceRun, service: BaseService) -> None:
    if not background_records.claim(run, service):
        return
    kept = RunInput.objects.filter(pk=run.pk).first()
    if kept is None:
        return  # canceled between these lines
    try:
        started = _started(run, service, kept)
    except BaseException as error:
        records.fail(run, "invalid_input" if isinstance(error, InvalidInput) else "interrupted")
        raise
    _carry_out(started)


def _started(run: ServiceRun, service: BaseService, kept: RunInput) -> runner.Started:
    request = Request(
        service=service,
        owner=run.account,
        actor=_actor(run, kept),
        data=parcels.unpack(service, kept.data),
        key=run.idempotency_key,
        fingerprint=run.fingerprint,
        api_key=run.api_key,
    )
    return runner.resume(request, run)


def _actor(run: ServiceRun, kept: RunInput) -> Any:
    """The user, or the text that was given; None if nobody asked, or the user is gone."""
    if not run.actor or not kept.actor_is_user:
        return run.actor or None
    try:
        return get_user_model()._default_manager.filter(pk=run.actor).first()
    except (ValueError, ValidationError):
        return None


def _carry_out(started: runner.Started) -> None:
    try:
        output, kept = ending.fit(started, call(started))
    except RunCanceled:
        records.cancel(started.run)  # for a service that raises it by itself
        logger.info("Run %s of %s stopped: it was canceled.", started.run.pk, started.run.service)
    except BaseException as error:
        if not _try_again(started, error):
            ending.fail(started, error)
        if not isinstance(error, Exception):
            raise
    else:
        _record(started, output, kept)


def _record(started: runner.Started, output: Any, kept: Any) -> None:
    try:
        ending.succeed(started, output, kept)
    except ServiceTimeout:
        logger.info("The result of run %s came too late: it was canceled or swept.", started.run.pk)


def _try_again(started: runner.Started, error: BaseException) -> bool:
    """False if this was the last attempt."""
    service, run = started.request.service, started.run
    if run.attempts > service.retries or isinstance(error, FINAL) or not isinstance(error, service.retry_on):
        return False
    delay = service.delay_before(run.attempts + 1)
    if not background_records.put_back(run, service, delay):
        return True
    logger.warning(
        "Run %s of %s is tried again: attempt %s failed.", run.pk, service.name, run.attempts, exc_info=error
    )
    hand_over_retry(run, service, delay)
    return True
