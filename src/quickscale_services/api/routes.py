"""The addresses of the API. Each asks who is calling, calls one thing, and shows what came of it."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Header, NinjaAPI

from quickscale_credits import ledger
from quickscale_credits.ledger.joining import checked_key
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_services import queueing, runner, streaming
from quickscale_services.api import background, pages, schemas
from quickscale_services.api.auth import Caller, KeyOrSession
from quickscale_services.api.bodies import JSON, read_input
from quickscale_services.api.errors import problem_response
from quickscale_services.api.pages import Cursor, Limit
from quickscale_services.api.rendering import Renderer, as_json, credits_text
from quickscale_services.api.streams import ProgramTeller, outcome
from quickscale_services.base import BaseService
from quickscale_services.events import respond, wants_events
from quickscale_services.exceptions import InvalidInput
from quickscale_services.models import Service, ServiceRun
from quickscale_services.registry import registry
from quickscale_services.schemas import plain
from quickscale_services.switches import switch_of

api = NinjaAPI(
    title="Services",
    urls_namespace="quickscale_api",
    openapi_url=None,
    docs_url=None,
    auth=KeyOrSession(),
    renderer=Renderer(),
)
api.add_exception_handler(Exception, cast(Any, problem_response))
for known in list(api._exception_handlers):
    api.add_exception_handler(cast(Any, known), cast(Any, problem_response))

IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key")]


@api.get("services", response=schemas.Page[schemas.ServiceSummary], operation_id="list_services", tags=["services"])
def services(request: HttpRequest, limit: Limit = 50, cursor: Cursor = "") -> Any:
    """The services that are switched on, by name."""
    caller = _caller(request)
    caller.require_services()
    switches = {switch.name: switch for switch in Service.objects.all()}
    offered = [name for name in registry if caller.may_run(name) and _is_active(switches, name)]
    return pages.page(
        pages.names_after(offered, cursor),
        limit,
        shown=lambda name: schemas.ServiceSummary.of(registry[name], switches.get(name, Service(name=name))),
        mark=str,
    )


@api.get("services/{name}", response=schemas.ServiceDetail, operation_id="get_service", tags=["services"])
def service(request: HttpRequest, name: str) -> Any:
    """One service, with the schemas of its input and output."""
    return schemas.ServiceDetail.of(_service(_caller(request), name), switch_of(name))


@api.post("services/{name}/estimate", response=schemas.Estimate, include_in_schema=False)
def estimate(request: HttpRequest, name: str) -> Any:
    found = _service(_caller(request), name)
    return schemas.Estimate(cost=credits_text(runner.estimate(found, read_input(request, found))))


@api.post("services/{name}/run", include_in_schema=False)
def run(request: HttpRequest, name: str, idempotency_key: IdempotencyKey = "") -> Any:
    caller = _caller(request)
    found = _service(caller, name)
    given = read_input(request, found)
    asked: dict[str, Any] = {"actor": caller.actor, "idempotency_key": _checked(idempotency_key), "api_key": caller.key}
    if background.is_wanted(request):
        return background.accepted(request, queueing.enqueue(found, caller.owner, given, **asked))
    if wants_events(request):
        stream = streaming.begin(found, caller.owner, given, **asked)
        return respond(request, stream, ProgramTeller(request=request, caller=caller))
    result = runner.run(found, caller.owner, given, **asked)
    answer = schemas.Result.model_construct(**dict(outcome(result, caller)), output=plain(result.output))
    response = HttpResponse(as_json(answer), content_type=JSON)
    if result.replayed:
        response["Idempotent-Replayed"] = "true"
    return response


@api.get("runs", response=schemas.Page[schemas.Run], operation_id="list_runs", tags=["runs"])
def runs(request: HttpRequest, limit: Limit = 50, cursor: Cursor = "") -> Any:
    """Newest first."""
    found = pages.runs_after(_runs(_caller(request)), cursor)
    return pages.page(found, limit, shown=schemas.Run.of, mark=pages.run_mark)


@api.get("runs/{uuid:run_id}", response=schemas.RunDetail, operation_id="get_run", tags=["runs"])
def one_run(request: HttpRequest, run_id: uuid.UUID) -> Any:
    """One run, with its output where that is kept."""
    return schemas.RunDetail.of(get_object_or_404(_runs(_caller(request)), pk=run_id))


@api.post("runs/{uuid:run_id}/cancel", response=schemas.RunDetail, operation_id="cancel_run", tags=["runs"])
def cancel_run(request: HttpRequest, run_id: uuid.UUID) -> Any:
    """Stop a run in the background. One that has ended, or that is waited for, stays as it is."""
    return schemas.RunDetail.of(get_object_or_404(_runs(_caller(request)), pk=run_id).cancel())


@api.get("account", response=schemas.Account, operation_id="get_account", tags=["account"])
def account(request: HttpRequest) -> Any:
    """The balance."""
    caller = _caller(request)
    caller.require_credits()
    return schemas.Account.of(ledger.balance(caller.owner))


@api.get("account/entries", response=schemas.Page[schemas.Entry], operation_id="list_entries", tags=["account"])
def entries(request: HttpRequest, limit: Limit = 50, cursor: Cursor = "") -> Any:
    """What the ledger says of the account, newest first."""
    caller = _caller(request)
    caller.require_credits()
    own = LedgerEntry.objects.filter(account__in=CreditAccount.objects.for_owner(caller.owner))
    found = pages.entries_after(own, cursor)
    return pages.page(found, limit, shown=schemas.Entry.of, mark=pages.entry_mark)


def _caller(request: HttpRequest) -> Caller:
    caller: Caller = request.auth  # type: ignore[attr-defined]
    return caller


def _service(caller: Caller, name: str) -> BaseService:
    """Raises `PermissionDenied` and `UnknownService`."""
    caller.require_services()
    found = registry[name]
    caller.require_service(name)
    return found


def _is_active(switches: dict[str, Service], name: str) -> bool:
    return name not in switches or switches[name].is_active


def _runs(caller: Caller) -> Any:
    """Of a key for some services, their runs."""
    caller.require_services()
    own = ServiceRun.objects.for_owner(caller.owner).select_related("api_key", "entry")
    return own if caller.services is None else own.filter(service__in=caller.services)


def _checked(idempotency_key: str) -> str | None:
    try:
        return checked_key(idempotency_key)
    except ValueError as error:
        message = {"loc": ("header", "Idempotency-Key"), "msg": str(error), "type": "idempotency_key"}
        raise InvalidInput([message]) from None
