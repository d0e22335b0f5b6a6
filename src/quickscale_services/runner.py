"""The choreography of one run: validate, price, hold, execute, capture or release, record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import BaseModel

from quickscale_credits.exceptions import CaptureExceedsHold, InsufficientCredits, SpendingLimitExceeded
from quickscale_credits.ledger.joining import checked_key, refuse_open_transaction
from quickscale_credits.models import CreditAccount
from quickscale_services import records, schemas
from quickscale_services.base import ServiceResult
from quickscale_services.context import Context
from quickscale_services.exceptions import (
    ChargeExceedsHold,
    InvalidInput,
    RunError,
    RunInProgress,
    ServiceDisabled,
    ServiceFailed,
    ServiceForbidden,
    ServicesError,
    ServiceTimeout,
)
from quickscale_services.executing import execute
from quickscale_services.pricing.quoting import Quote, quote
from quickscale_services.replays import first_result
from quickscale_services.switches import switch_of

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.models import ApiKey, Service, ServiceRun

logger = logging.getLogger("quickscale_services")

First = TypeVar("First")

ATTEMPTS = 3
# The error code of a stream whose reader went away.
GONE = "disconnected"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    service: BaseService
    owner: Any
    actor: Any
    data: BaseModel
    key: str | None
    fingerprint: str
    api_key: ApiKey | None = None

    @property
    def payer(self) -> Any:
        """The owner, also where an account stands for them; None if they were erased."""
        return self.owner.owner if isinstance(self.owner, CreditAccount) else self.owner


@dataclass(kw_only=True, slots=True)
class Started:
    """A run whose credits are held, and which has to be ended; of a stream, with the pieces so far that are kept."""

    request: Request
    run: ServiceRun
    context: Context
    pieces: list[Any] = field(default_factory=list)
    has_given: bool = False
    waited: timedelta = timedelta(0)

    @property
    def asked(self) -> tuple[BaseService, BaseModel, Context]:
        return self.request.service, self.request.data, self.context

    def take(self, given: Any) -> Any:
        """A piece, as the caller gets it. Raises `ServiceTimeout` if it comes too late, and whatever does not fit."""
        service = self.request.service
        piece = schemas.fit(service, given)
        self.context.check()
        self.has_given = True
        if self.context.listener:
            self.context.listener.piece(piece)
        if service.keep_payloads or self.request.key or self.run.in_background:
            self.pieces.append(schemas.plain(piece))
        return piece

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While whoever asked for a stream has a piece, and does not ask for the next."""
        since = timezone.now()
        yield
        self.waited += timezone.now() - since

    @property
    def was_kept_waiting(self) -> bool:
        """For more than half of its time: then it is not the service that took too long."""
        return self.waited * 2 > self.request.service.time_limit


def estimate(service: BaseService, given: dict[str, Any]) -> Decimal:
    return quote(service, schemas.validate(service, given), switch_of(service.name)).held


def run(
    service: BaseService,
    owner: Any,
    given: dict[str, Any],
    *,
    actor: Any = None,
    idempotency_key: str | None = None,
    api_key: ApiKey | None = None,
) -> ServiceResult:
    started = begin(service, owner, given, actor=actor, idempotency_key=idempotency_key, api_key=api_key)
    return started if isinstance(started, ServiceResult) else _carry_out(started)


def begin(
    service: BaseService,
    owner: Any,
    given: dict[str, Any],
    *,
    actor: Any = None,
    idempotency_key: str | None = None,
    api_key: ApiKey | None = None,
) -> Started | ServiceResult:
    """Up to the commit of the hold. Whoever calls this must `succeed` or `fail` afterwards."""
    refuse_open_transaction(f"{type(service).__name__}.run")
    return _begin(prepare(service, owner, given, actor=actor, idempotency_key=idempotency_key, api_key=api_key))


def prepare(
    service: BaseService,
    owner: Any,
    given: dict[str, Any],
    *,
    actor: Any = None,
    idempotency_key: str | None = None,
    api_key: ApiKey | None = None,
) -> Request:
    """Raises `InvalidInput`."""
    key = checked_key(idempotency_key)
    data = schemas.validate(service, given)
    fingerprint = schemas.fingerprint(service, data) if key else ""
    return Request(
        service=service, owner=owner, actor=actor, data=data, key=key, fingerprint=fingerprint, api_key=api_key
    )


def _begin(request: Request) -> Started | ServiceResult:
    if first := first_result(request):
        return first
    switch = switch_of(request.service.name)
    quoted = admit(request, switch)
    run = record_once(request, partial(records.begin, request, quoted, switch.rate_limit), first_result)
    if isinstance(run, ServiceResult):
        return run
    return Started(request=request, run=run, context=context_of(request, run, quoted))


def resume(request: Request, run: ServiceRun) -> Started:
    """A run whose credits another process has held. Whoever calls this must `succeed` or `fail` afterwards."""
    return Started(request=request, run=run, context=context_of(request, run, Quote.of(run, request.service)))


def admit(request: Request, switch: Service) -> Quote:
    """What it is held at. Raises `ServiceDisabled`, `ServiceForbidden`, and what `quote` does."""
    if not switch.is_active:
        raise ServiceDisabled(_("“%(service)s” is switched off at the moment.") % {"service": request.service})
    if not _is_allowed(request):
        raise ServiceForbidden(_("You may not run “%(service)s”.") % {"service": request.service})
    return quote(request.service, request.data, switch)


def _is_allowed(request: Request) -> bool:
    service = request.service
    try:
        return service.allows(request.payer, request.actor)
    except (ServicesError, PermissionDenied):
        raise
    except Exception as error:  # a service's own code, which may raise anything
        logger.warning("%s could not tell who may run it.", service.name, exc_info=error)
        message = _("“%(service)s” could not tell who may run it; nothing was charged.") % {"service": service}
        raise ServiceFailed(message) from error


def record_once(
    request: Request, record: Callable[[], ServiceRun], find_first: Callable[[Request], First | None]
) -> ServiceRun | First:
    """The new run; or what came of the first, where another caller with the same key was faster."""
    for _attempt in range(ATTEMPTS):
        try:
            return record()
        except (InsufficientCredits, SpendingLimitExceeded):
            # The credits that are missing may be held for the first run with this key.
            if first := find_first(request):
                return first
            raise
        except IntegrityError:
            if request.key is None:
                raise
            if first := find_first(request):
                return first
            # The run that had the key failed just now, and has freed it.
    raise RunInProgress(_("Other runs with this idempotency key begin and fail: try again later."))


def context_of(request: Request, run: ServiceRun, quoted: Quote) -> Context:
    return Context(
        owner=request.payer,
        actor=request.actor,
        run=run,
        deadline=cast(datetime, run.deadline),
        quote=quoted,
    )


def _carry_out(started: Started) -> ServiceResult:
    try:
        output, kept = fit(started, execute(started))
    except BaseException as error:
        told = fail(started, error)
        if told is error:
            raise
        raise told from error
    return succeed(started, output, kept)


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
