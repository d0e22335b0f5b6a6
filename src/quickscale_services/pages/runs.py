"""The pages on which people look back at their runs, and watch those that are under way."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from quickscale_credits import ledger
from quickscale_credits.owners import owner_required
from quickscale_services import schemas
from quickscale_services.base import BaseService
from quickscale_services.models import ServiceRun
from quickscale_services.pages.presentation import shown_output
from quickscale_services.registry import registry

RUNS_ON_A_PAGE = 50


@require_safe
@owner_required
def runs(request: HttpRequest, owner: Model) -> HttpResponse:
    found = ServiceRun.objects.for_owner(owner).order_by("-created_at", "-id")
    before = _uuid(request.GET.get("before"))
    if before and (last := found.filter(pk=before).first()):
        found = found.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.pk))
    page = list(found[: RUNS_ON_A_PAGE + 1])
    context = {"runs": page[:RUNS_ON_A_PAGE], "has_more": len(page) > RUNS_ON_A_PAGE}
    return render(request, "quickscale_services/runs.html", context)


@never_cache
@require_safe
@owner_required
def run(request: HttpRequest, owner: Model, run_id: uuid.UUID) -> HttpResponse:
    """While the run is under way the page asks for its changing part again, by htmx; without it, it loads anew."""
    found = get_object_or_404(ServiceRun.objects.for_owner(owner), pk=run_id)
    is_part = request.headers.get("HX-Request") == "true"
    template = "quickscale_services/_run.html" if is_part else "quickscale_services/run.html"
    context = {**_recorded(found), "is_part": is_part, "balance": ledger.balance(owner) if is_part else None}
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
@owner_required
def cancel(request: HttpRequest, owner: Model, run_id: uuid.UUID) -> HttpResponse:
    get_object_or_404(ServiceRun.objects.for_owner(owner), pk=run_id).cancel()
    return redirect("quickscale_services:run", run_id)


def _recorded(run: ServiceRun) -> dict[str, Any]:
    service = registry.get(run.service)
    output = run.output if service is None or run.output is None else schemas.load(service, run.output)
    return {
        "run": run,
        "service": service,
        "template": service.result_template if service else BaseService.result_template,
        "output": output,
        "shown": shown_output(service, output),
    }


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None
