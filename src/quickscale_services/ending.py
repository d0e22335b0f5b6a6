"""How a run ends: what it costs, what is recorded, and what its caller is told."""

from __future__ import annotations

import logging
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from quickscale_credits.exceptions import CaptureExceedsHold
from quickscale_services import records, schemas
from quickscale_services.base import ServiceResult
from quickscale_services.exceptions import (
    ChargeExceedsHold,
    InvalidInput,
    RunError,
    ServiceFailed,
    ServiceTimeout,
)

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.models import ServiceRun
    from quickscale_services.runner import Started

logger = logging.getLogger("quickscale_services")

# The error code of a stream whose reader went away.
GONE = "disconnected"


def fit(started: Started, given: Any) -> tuple[Any, Any]:
    """The output, and as JSON keeps it. Raises `ServiceTimeout` if it comes too late, and whatever does not fit."""
    service = started.request.service
    output = given if service.stream else schemas.fit(service, given)
    started.context.check()
    return output, started.pieces if service.stream else schemas.plain(output)


def succeed(started: Started, output: Any, kept: Any) -> ServiceResult:
    run = started.run
    _record_success(started.request.service, run, started.context.cost, kept)
    return ServiceResult(output=output, cost=run.cost, run=run)


def _record_success(service: BaseService, run: ServiceRun, cost: Decimal, output: Any) -> None:
    try:
        records.succeed(run, cost, output, keep_output=service.keep_payloads)
    except records.AlreadySettled as error:
        raise ServiceTimeout(_("There was no result in time; nothing was charged."), run) from error
    except BaseException:
        # If the commit itself was cut off, the run may have succeeded, and then this changes nothing.
        records.fail(run, "interrupted")
        raise


def cut_short(started: Started) -> None:
    """Whoever asked for a stream has gone away: they pay as if it had ended here."""
    with suppress(records.AlreadySettled):
        _record_partial(started, started.context.cost, GONE)


def fail(started: Started, error: BaseException) -> BaseException:
    """Gives back what the caller is to be told. Credits come back at once for a KeyboardInterrupt, too."""
    service, run = started.request.service, started.run
    told = _told(service, run, error)
    if not (isinstance(told, RunError) and _is_charged_in_part(started, told)):
        records.fail(run, _code(told))
    # What somebody sent is their mistake, not one to look for in the log.
    logger.warning("Run %s of %s failed.", run.pk, service.name, exc_info=not isinstance(error, InvalidInput) and error)
    return told


def _is_charged_in_part(started: Started, told: RunError) -> bool:
    cost = _cost_in_part(started, told)
    if not (started.has_given and cost):
        return False
    try:
        _record_partial(started, cost, _code(told))
    except records.AlreadySettled:
        return False
    told.message = _("“%(service)s” broke off; what it had given was charged.") % {"service": started.request.service}
    return True


def _cost_in_part(started: Started, told: RunError) -> Decimal | None:
    """Of a stream that broke off: as for whoever goes away, where its time was over because they read so slowly; else
    what it was told to charge, where its policy says so."""
    if isinstance(told, ServiceTimeout) and started.was_kept_waiting:
        return started.context.cost
    return started.context.stated_cost if started.request.service.charge_partial else None


def _record_partial(started: Started, cost: Decimal, code: str) -> None:
    keep = started.request.service.keep_payloads
    records.succeed(started.run, cost, started.pieces, keep_output=keep, error_code=code)


def _told(service: BaseService, run: ServiceRun, error: BaseException) -> BaseException:
    """What the caller of `run` is told. A message that the service chose is kept."""
    if isinstance(error, InvalidInput) or not isinstance(error, Exception):
        return error
    if isinstance(error, ServiceTimeout) and error.run in (None, run):
        error.run = run
        return error
    own = error.message if isinstance(error, RunError) and error.run is None else ""
    message = own or _("“%(service)s” failed; nothing was charged.") % {"service": service}
    kind = ChargeExceedsHold if isinstance(error, CaptureExceedsHold) else ServiceFailed
    return kind(message, run)


def _code(error: BaseException) -> str:
    codes = {ServiceTimeout: "service_timeout", ServiceFailed: "service_failed", InvalidInput: "invalid_input"}
    return next((code for kind, code in codes.items() if isinstance(error, kind)), "interrupted")
