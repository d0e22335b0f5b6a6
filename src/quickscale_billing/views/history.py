"""What the owner was billed and paid, receipts, and the timeline of it all. These pages read our own rows only."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from quickscale_billing import history
from quickscale_billing.history import HistoryPage, receipts
from quickscale_billing.history.filters import HistoryFilter, csv_rows
from quickscale_billing.history.lists import OF_STATEMENT, OF_TIMELINE, whole_statement
from quickscale_credits.owners import owner_required
from quickscale_credits.spreadsheets import csv_response


@never_cache
@require_safe
@owner_required
def page(request: HttpRequest, owner: Model) -> HttpResponse:
    filters = HistoryFilter(request.GET, OF_STATEMENT)
    found = history.statement(owner, before=request.GET.get("before", ""), **filters.wanted)
    return render(request, "quickscale_billing/history.html", _context(request, filters, found))


@never_cache
@require_safe
@owner_required
def timeline(request: HttpRequest, owner: Model) -> HttpResponse:
    filters = HistoryFilter(request.GET, OF_TIMELINE)
    found = history.timeline(owner, before=request.GET.get("before", ""), **filters.wanted)
    return render(request, "quickscale_billing/timeline.html", _context(request, filters, found))


@never_cache
@require_safe
@owner_required
def statement_csv(request: HttpRequest, owner: Model) -> HttpResponseBase:
    wanted = HistoryFilter(request.GET, OF_STATEMENT).wanted
    return csv_response(csv_rows(whole_statement(owner, **wanted)), "billing.csv")


@never_cache
@require_safe
@owner_required
def receipt(request: HttpRequest, owner: Model, pk: int) -> HttpResponse:
    """The PDF; somebody else's payment is not found."""
    payment = get_object_or_404(history.payments(owner), pk=pk)
    name = f"{receipts.assigned(payment).number}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(history.receipt(payment), content_type="application/pdf", headers=headers)


def _context(request: HttpRequest, filters: HistoryFilter, found: HistoryPage) -> dict[str, Any]:
    query = request.GET.copy()
    is_first = not query.pop("before", None)
    return {"filters": filters, "page": found, "query": query.urlencode(), "is_first": is_first}
