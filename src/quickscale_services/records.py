"""The only writer of runs. A run's row and its credits change in one transaction, or not at all.

Everywhere the account is locked first and the run's row changed second, so that no two of these deadlock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import HoldClosed
from quickscale_credits.ledger.joining import Tx, checked_actor, open_account, open_locked_account, transact
from quickscale_credits.models import CreditAccount, Hold, LedgerEntry
from quickscale_services import rates, schemas
from quickscale_services.conf import conf
from quickscale_services.models import RunInput, RunQuerySet, ServiceRun
from quickscale_services.signals import run_canceled, run_failed, run_succeeded
from quickscale_services.statements import end_running, insert_run

if TYPE_CHECKING:
    from quickscale_services.admitting import Request
    from quickscale_services.pricing.quoting import Quote

T = TypeVar("T")
Status = ServiceRun.Status

# A result that comes at the last moment is still recorded while the hold lasts.
GRACE = timedelta(minutes=1)


class AlreadySettled(Exception):
    """Somebody else has recorded the end of this run."""


def begin(request: Request, quote: Quote, rate_limit: str) -> ServiceRun:
    """Hold and record, in one transaction.

    Raises `InsufficientCredits`, `SpendingLimitExceeded`, `RateLimited`, and `IntegrityError` for a key in use.
    """
    lasting = request.service.time_limit + GRACE
    return transacted(lambda: hold_and_save(new_run(request), request, quote, rate_limit, lasting=lasting))


def hold_and_save(
    run: ServiceRun, request: Request, quote: Quote, rate_limit: str, *, lasting: timedelta
) -> ServiceRun:
    run.price = quote.as_json()
    if quote.held:
        run.hold = ledger.hold(
            request.owner,
            quote.held,
            reason=run.service,
            reference=str(run.pk),
            expires_in=lasting,
            actor=request.actor,
        )
    run.account_id = run.hold.account_id if run.hold else _account_of_free(request, rate_limit).pk
    if rate_limit:
        rates.require(rate_limit, run)
    if conf.MAX_CONCURRENT_RUNS:
        rates.require_room(conf.MAX_CONCURRENT_RUNS, run)
    insert_run(run)
    return run


def _account_of_free(request: Request, rate_limit: str) -> CreditAccount:
    """Where runs are counted, nobody else may begin one meanwhile; of other runs the hold has seen to that."""
    is_counted = rate_limit or conf.MAX_CONCURRENT_RUNS
    return open_locked_account(request.owner) if is_counted else open_account(request.owner)


def new_run(request: Request) -> ServiceRun:
    now = timezone.now()
    return ServiceRun(
        service=request.service.name,
        api_key=request.api_key,
        actor=checked_actor(request.actor),
        status=Status.RUNNING,
        created_at=now,
        started_at=now,
        deadline=now + request.service.time_limit,
        idempotency_key=request.key,
        fingerprint=request.fingerprint,
        input=schemas.plain(request.data) if request.service.keep_payloads else None,
    )


def succeed(run: ServiceRun, cost: Decimal, output: Any, *, keep_output: bool, error_code: str = "") -> None:
    """Capture and record, in one transaction. Raises `AlreadySettled` if the sweep was there first.

    `error_code` says why a stream ended early for which something is charged nevertheless.
    """
    changes: dict[str, Any] = {"status": Status.SUCCEEDED, "cost": cost, "error_code": error_code}
    is_asked_for_later = run.idempotency_key or run.in_background
    if keep_output or is_asked_for_later:
        changes["output"] = output
    if is_asked_for_later and not keep_output:
        changes["replay_until"] = timezone.now() + conf.REPLAY_WINDOW

    def work() -> None:
        if run.hold:
            changes["entry"] = _capture(run.hold, cost)
        _settle(run, run_succeeded, changes, end_running)

    transacted(work)


def _capture(hold: Hold, cost: Decimal) -> LedgerEntry | None:
    try:
        return ledger.capture(hold, cost)
    except HoldClosed as error:
        raise AlreadySettled from error


def fail(run: ServiceRun, error_code: str) -> bool:
    """Release and record, in one transaction, and free the key. False if the run had ended already."""
    return _give_up(run, run_failed, Status.FAILED, error_code, ServiceRun.objects.under_way())


def expire(run: ServiceRun) -> bool:
    """Settle a run whose time is over and whose process has not done so."""
    code = "not_started" if run.status == Status.QUEUED else "service_lost"
    return _give_up(run, run_failed, Status.EXPIRED, code, ServiceRun.objects.lost().filter(status=run.status))


def cancel(run: ServiceRun, error_code: str = "") -> bool:
    in_background = ServiceRun.objects.under_way().filter(in_background=True)
    return _give_up(run, run_canceled, Status.CANCELED, error_code, in_background)


def _give_up(run: ServiceRun, signal: Signal, status: Status, error_code: str, among: RunQuerySet) -> bool:
    changes = {"status": status, "error_code": error_code, "idempotency_key": None}

    def work() -> None:
        if run.hold:
            ledger.release(run.hold)
        _settle(run, signal, changes, lambda run, changes: among.filter(pk=run.pk).update(**changes) > 0)

    try:
        transacted(work)
    except (AlreadySettled, HoldClosed):
        return False
    return True


def _settle(run: ServiceRun, signal: Signal, changes: dict[str, Any], write: Callable[..., bool]) -> None:
    now = timezone.now()
    duration = max(now - run.started_at, timedelta(0)) if run.started_at else None
    changes = changes | {"units": run.units, "finished_at": now, "duration": duration}
    if run.provider_cost is not None:
        changes["provider_cost"] = run.provider_cost
    if not write(run, changes):
        raise AlreadySettled
    if run.in_background:
        RunInput.objects.filter(pk=run.pk).delete()
    for name, value in changes.items():
        setattr(run, name, value)
    transaction.on_commit(partial(signal.send_robust, sender=ServiceRun, run=run))


def transacted(work: Callable[[], T]) -> T:
    """In a transaction of our own, tried again after a deadlock; in a test case's, under a savepoint."""

    def step(tx: Tx) -> T:
        with transaction.atomic(using=tx.using) if tx.nested else nullcontext():
            return work()

    return transact(step)
