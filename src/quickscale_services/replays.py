"""What an idempotency key answers that was used before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_services import records, schemas
from quickscale_services.base import ServiceResult
from quickscale_services.exceptions import RunError, RunInProgress, ServiceFailed, ServiceTimeout
from quickscale_services.models import ServiceRun

if TYPE_CHECKING:
    from quickscale_services.admitting import Request


BROKEN_OFF: dict[str, type[RunError]] = {"service_failed": ServiceFailed, "service_timeout": ServiceTimeout}


def first_result(request: Request) -> ServiceResult | None:
    """The result of the first run with this key; None if there was none, or if it has failed.

    Raises `IdempotencyConflict` for other input, and `RunInProgress` while the first run has not ended.
    """
    run = first_run(request)
    if run is None:
        return None
    if not run.has_ended:
        raise RunInProgress(_("The first run with this idempotency key has not ended yet."))
    _require_whole(run)
    output = None if run.output is None else schemas.load(request.service, run.output)
    return ServiceResult(output=output, cost=run.cost, run=run, replayed=True)


def first_run(request: Request) -> ServiceRun | None:
    """The first run with this key, ended or not; None if there was none. Raises `IdempotencyConflict`."""
    if request.key is None:
        return None
    run = ServiceRun.objects.for_owner(request.owner).filter(idempotency_key=request.key).first()
    if run is None or _was_lost(run):
        return None
    if run.fingerprint != request.fingerprint:
        raise IdempotencyConflict(_("This idempotency key was used before, for another request."))
    return run


def _require_whole(run: ServiceRun) -> None:
    """A stream that failed midway and was charged in part is told as it was then. It keeps its key: it was paid for."""
    if kind := BROKEN_OFF.get(run.error_code):
        raise kind(_("The first run with this idempotency key broke off; what it had given was charged."), run)


def _was_lost(run: ServiceRun) -> bool:
    """A run whose process died frees its key at its deadline; nobody needs to wait for the sweep."""
    is_overdue = not run.has_ended and run.deadline is not None and run.deadline < timezone.now()
    return is_overdue and records.expire(run)
