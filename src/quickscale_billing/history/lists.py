"""An owner's invoices and payments, the statement of them, and the timeline of everything. All read, newest first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db.models import Model, QuerySet

from quickscale_billing.history import giving, rows
from quickscale_billing.history.merging import PAGE_SIZE, HistoryPage, Stream, all_of, page_of
from quickscale_billing.history.rows import HistoryRow, RowKind
from quickscale_billing.models import Dispute, Invoice, Payment, Refund
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.telling import told

Owner = Model | CreditAccount

OF_STATEMENT: Final = (RowKind.INVOICE, RowKind.PAYMENT, RowKind.REFUND, RowKind.DISPUTE)
OF_TIMELINE: Final = (RowKind.USAGE, RowKind.CREDITS, RowKind.PAYMENT, RowKind.REFUND, RowKind.DISPUTE)
BOUGHT: Final = ("invoice__subscription__price__plan",)


def invoices(owner: Owner) -> QuerySet[Invoice]:
    """As Stripe told of them last; drafts are none yet."""
    found = Invoice.objects.filter(account__in=CreditAccount.objects.for_owner(owner))
    return found.select_related("subscription__price__plan").order_by("-created_at", "-pk")


def payments(owner: Owner) -> QuerySet[Payment]:
    """The money that arrived; its refunds and what was bought come along."""
    found = Payment.objects.filter(account__in=CreditAccount.objects.for_owner(owner))
    fetched = found.select_related(*BOUGHT).prefetch_related("purchases__pack", "refunds")
    return fetched.order_by("-paid_at", "-pk")


def statement(
    owner: Owner,
    *,
    kind: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: str = "",
) -> HistoryPage:
    """Invoices, payments, refunds and disputes, from `since` on and before `until`; `before` is a page's `older`."""
    return page_of(_streams(owner, OF_STATEMENT, kind, since, until), before=before)


def timeline(
    owner: Owner,
    *,
    kind: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: str = "",
    limit: int = PAGE_SIZE,
) -> HistoryPage:
    """Usage, credits, payments, refunds and disputes in one; the rest as for `statement`."""
    return page_of(_streams(owner, OF_TIMELINE, kind, since, until), before=before, limit=limit)


def whole_statement(
    owner: Owner, *, kind: str = "", since: datetime | None = None, until: datetime | None = None
) -> Iterator[HistoryRow]:
    return all_of(lambda: _streams(owner, OF_STATEMENT, kind, since, until))


def _streams(
    owner: Owner, kinds: Collection[RowKind], kind: str, since: datetime | None, until: datetime | None
) -> list[Stream]:
    """Of what happened at one moment, an earlier stream is told first, as the newer."""
    account = CreditAccount.objects.for_owner(owner).first()
    if account is None:
        return []
    wanted = {each for each in kinds if kind in ("", each)}
    return [
        Stream(letter=letter, at=at, rows=_within(table, at or "created_at", since=since, until=until), tell=tell)
        for letter, about, at, table, tell in _tables(account, wanted)
        if about & wanted
    ]


def _entries(account: CreditAccount, wanted: Collection[RowKind]) -> QuerySet[LedgerEntry]:
    entries = account.entries.all()
    if RowKind.CREDITS not in wanted:
        return entries.filter(kind=LedgerEntry.Kind.SPEND)
    return entries if RowKind.USAGE in wanted else entries.exclude(kind=LedgerEntry.Kind.SPEND)


def _tables(
    account: CreditAccount, wanted: Collection[RowKind]
) -> Iterator[tuple[str, set[RowKind], str | None, QuerySet[Any], Any]]:
    related = [f"payment__{each}" for each in BOUGHT]
    refunds = Refund.objects.filter(payment__account=account).select_related(*related)
    disputes = Dispute.objects.filter(payment__account=account).select_related(*related)
    bought, entries = "payment__purchases__pack", _entries(account, wanted)
    yield "d", {RowKind.DISPUTE}, "opened_at", disputes.prefetch_related(bought), _told(rows.of_dispute)
    yield "r", {RowKind.REFUND}, "created_at", refunds.prefetch_related(bought), _told(rows.of_refund)
    yield "e", {RowKind.USAGE, RowKind.CREDITS}, None, entries, _told_in_words
    yield "p", {RowKind.PAYMENT}, "paid_at", payments(account), _told_with_credits
    yield "i", {RowKind.INVOICE}, "created_at", invoices(account), _told(rows.of_invoice)


def _within(table: QuerySet[Any], at: str, *, since: datetime | None, until: datetime | None) -> QuerySet[Any]:
    if since is not None:
        table = table.filter(**{f"{at}__gte": since})
    return table if until is None else table.filter(**{f"{at}__lt": until})


def _told(tell: Any) -> Any:
    return partial(map, tell)


def _told_in_words(found: Sequence[LedgerEntry]) -> list[HistoryRow]:
    return [rows.of_entry(entry) for entry in told(found)]


def _told_with_credits(found: Sequence[Payment]) -> list[HistoryRow]:
    given = giving.credits_of(found)
    return [rows.of_payment(payment, given[payment.pk]) for payment in found]
