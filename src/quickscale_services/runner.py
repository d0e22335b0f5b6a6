"""The choreography of one run: validate, price, hold, execute, capture or release, record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.utils import timezone
from pydantic import BaseModel

from quickscale_credits.ledger.joining import refuse_open_transaction
from quickscale_services import admitting, ending, records, schemas
from quickscale_services.admitting import Request
from quickscale_services.base import ServiceResult
from quickscale_services.context import Context
from quickscale_services.executing import execute
from quickscale_services.pricing.quoting import Quote, quote
from quickscale_services.replays import first_result
from quickscale_services.switches import switch_of

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.models import ApiKey, ServiceRun


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
        """A piece, as the caller gets it. Raises `ServiceTimeout` if it comes too late, and whatever does not fit.

        What JSON cannot say is found here, before anybody has it: later it would look as if the caller had gone away.
        """
        service = self.request.service
        piece = schemas.fit(service, given)
        kept = schemas.plain(piece)
        self.context.check()
        self.has_given = True
        if self.context.listener:
            self.context.listener.piece(piece)
        if service.keep_payloads or self.request.key or self.run.in_background:
            self.pieces.append(kept)
        return piece

    @property
    def was_heard(self) -> bool:
        """Somebody was given pieces as they came, though they wait for the whole."""
        return self.has_given and self.context.listener is not None

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
    """Up to the commit of the hold. Whoever calls this must end it afterwards, by `ending`."""
    refuse_open_transaction(f"{type(service).__name__}.run")
    return _begin(
        admitting.prepare(service, owner, given, actor=actor, idempotency_key=idempotency_key, api_key=api_key)
    )


def _begin(request: Request) -> Started | ServiceResult:
    if first := first_result(request):
        return first
    switch = switch_of(request.service.name)
    quoted = admitting.admit(request, switch)
    run = admitting.record_once(request, partial(records.begin, request, quoted, switch.rate_limit), first_result)
    if isinstance(run, ServiceResult):
        return run
    return Started(request=request, run=run, context=_context_of(request, run, quoted))


def resume(request: Request, run: ServiceRun) -> Started:
    """A run whose credits another process has held. Whoever calls this must end it afterwards, by `ending`."""
    return Started(request=request, run=run, context=_context_of(request, run, Quote.of(run, request.service)))


def _context_of(request: Request, run: ServiceRun, quoted: Quote) -> Context:
    return Context(
        owner=request.payer,
        actor=request.actor,
        run=run,
        deadline=cast(datetime, run.deadline),
        quote=quoted,
    )


def _carry_out(started: Started) -> ServiceResult:
    try:
        output, kept = ending.fit(started, execute(started))
    except BaseException as error:
        told = ending.fail(started, error)
        if told is error:
            raise
        raise told from error
    return ending.succeed(started, output, kept)
