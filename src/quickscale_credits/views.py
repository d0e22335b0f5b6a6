"""The pages on which owners see their credits. They read; only the ledger writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from quickscale_credits import ledger
from quickscale_credits.history import Entries, HistoryFilter, history_page, history_rows
from quickscale_credits.models import CreditAccount, CreditType, LedgerEntry
from quickscale_credits.owners import owner_required
from quickscale_credits.spreadsheets import csv_response
from quickscale_credits.telling import told

EXPIRING_SOON = timedelta(days=30)


@require_safe
@owner_required
def credits(request: HttpRequest, owner: Model) -> HttpResponse:  # noqa: A001
    account = CreditAccount.objects.for_owner(owner).first()
    filters = HistoryFilter(request.GET)
    page = history_page(
        filters.narrow(_entries(account)),
        before=_sequence(request, "before"),
        after=_sequence(request, "after"),
    )
    context = {"filters": filters, "page": page, "query": _filter_query(request), **_standing(owner, account)}
    if account is not None and page.older is None:
        context["archived"] = account.archives.number()
    return render(request, "quickscale_credits/credits.html", context)


@require_safe
@owner_required
def history_csv(request: HttpRequest, owner: Model) -> HttpResponseBase:
    account = CreditAccount.objects.for_owner(owner).first()
    entries = HistoryFilter(request.GET).narrow(_entries(account))
    return csv_response(history_rows(entries), "credits.csv")


def _entries(account: CreditAccount | None) -> Entries:
    return LedgerEntry.objects.none() if account is None else account.entries.all()


def _standing(owner: Model, account: CreditAccount | None) -> dict[str, Any]:
    balance = ledger.balance(owner)
    standing = {
        "balance": balance,
        "by_type": [(CreditType(key).label, amount) for key, amount in balance.by_type.items()],
    }
    if account is not None:
        standing["expiring"] = account.grants.expiring(EXPIRING_SOON).order_by("expires_at", "id")[:10]
        standing["holds"] = told(account.holds.open().order_by("-id")[:20])
    return standing


def _sequence(request: HttpRequest, name: str) -> int | None:
    """A page's edge from the address; what is no sequence shows the first page."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _filter_query(request: HttpRequest) -> str:
    """The filters as they stand in the address, for links that turn the page or export."""
    query = request.GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    return query.urlencode()
