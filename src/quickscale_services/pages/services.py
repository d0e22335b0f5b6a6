"""The pages on which people choose, use and look back at services."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from quickscale_credits import ledger
from quickscale_credits.owners import owner_for, owner_required
from quickscale_services import streaming
from quickscale_services.base import BaseService, ServiceResult
from quickscale_services.events import respond, wants_events
from quickscale_services.exceptions import InvalidInput, RunInProgress, UnknownService
from quickscale_services.models import Service
from quickscale_services.pages.events import PageTeller
from quickscale_services.pages.forms import ServiceForm
from quickscale_services.pages.presentation import shown_output
from quickscale_services.pricing.labels import fixed_price, price_label
from quickscale_services.problems import ERRORS, problem
from quickscale_services.registry import registry
from quickscale_services.switches import switch_of

# The button's name: no field of an `Input` can have a hyphen in its own.
ESTIMATE = "qs-estimate"


@require_safe
def services(request: HttpRequest) -> HttpResponse:
    switches = {switch.name: switch for switch in Service.objects.all()}
    offered = [
        (service, price_label(service, switch))
        for service in registry.values()
        if (switch := switches.get(service.name, Service(name=service.name))).is_active
    ]
    return render(request, "quickscale_services/services.html", {"services": offered})


@transaction.non_atomic_requests  # a run commits its hold before it executes
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def service(request: HttpRequest, name: str) -> HttpResponseBase:
    try:
        chosen = registry[name]
    except UnknownService as error:
        raise Http404(str(error)) from None
    if request.method == "POST":
        return _sent(request, chosen)
    return _page(request, owner_for(request), ServiceForm(chosen))


@owner_required
def _sent(request: HttpRequest, owner: Model, service: BaseService) -> HttpResponseBase:
    form = ServiceForm(service, request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, owner, form, problem=problem(InvalidInput([])))
    try:
        if ESTIMATE not in request.POST and wants_events(request):
            return _streamed(request, owner, form)
        if ESTIMATE not in request.POST and service.in_background:
            return _queued(request, owner, form)
        return _page(request, owner, form, **_done(request, owner, form))
    except RunInProgress as error:
        # With the same id, sending the form again asks for the same run.
        return _page(request, owner, form, problem=problem(error), form_id=request.POST.get("form_id"))
    except ERRORS as error:
        if isinstance(error, InvalidInput):
            form.show(error)
        return _page(request, owner, form, problem=problem(error))


def _done(request: HttpRequest, owner: Model, form: ServiceForm) -> dict[str, Any]:
    if ESTIMATE in request.POST:
        return {"estimate": form.service.estimate(**form.given())}
    result = form.service.run(owner, actor=request.user, idempotency_key=form.idempotency_key(), **form.given())
    return _outcome(form.service, result)


def _queued(request: HttpRequest, owner: Model, form: ServiceForm) -> HttpResponseBase:
    """On to the page of the run, which shows how far it is."""
    run = form.service.enqueue(owner, actor=request.user, idempotency_key=form.idempotency_key(), **form.given())
    page = reverse("quickscale_services:run", args=[run.pk])
    return HttpResponse(headers={"HX-Redirect": page}) if _is_part(request) else redirect(page)


def _streamed(request: HttpRequest, owner: Model, form: ServiceForm) -> HttpResponseBase:
    asked = {"actor": request.user, "idempotency_key": form.idempotency_key()}
    stream = streaming.begin(form.service, owner, form.given(), **asked)
    teller = PageTeller(
        page=lambda **outcome: _page(request, owner, form, **outcome).content.decode(),
        outcome=lambda result: _outcome(form.service, result),
    )
    return respond(request, stream, teller)


def _outcome(service: BaseService, result: ServiceResult) -> dict[str, Any]:
    return {"result": result, "output": result.output, "shown": shown_output(service, result.output)}


def _page(request: HttpRequest, owner: Model | None, form: ServiceForm, **outcome: Any) -> HttpResponse:
    """The whole page; for htmx and our own script only the part that has changed."""
    service, switch = form.service, switch_of(form.service.name)
    is_part = _is_part(request)
    template = "quickscale_services/_service.html" if is_part else "quickscale_services/service.html"
    context = {
        "service": service,
        "form": form,
        "price": price_label(service, switch),
        "fixed_price": fixed_price(service, switch),
        "is_active": switch.is_active,
        "is_part": is_part,
        "owner": owner,
        "login_url": redirect_to_login(request.path).url,
        "form_id": form.new_id(),
        "balance": None if owner is None else ledger.balance(owner),
        **outcome,
    }
    response = render(request, template, context, status=outcome["problem"].status if "problem" in outcome else 200)
    patch_vary_headers(response, ["HX-Request", "Accept"])
    return response


def _is_part(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true" or wants_events(request)
