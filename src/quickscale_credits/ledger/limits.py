"""Spending limits, checked under the lock of the account and in the transaction of the spend or hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet, Sum

from quickscale_credits.amounts import MAX_TOTAL, from_micro, sum_to_micro, to_micro
from quickscale_credits.exceptions import SpendingLimitExceeded
from quickscale_credits.ledger.book import Book, Kind
from quickscale_credits.ledger.requests import Request
from quickscale_credits.models import ArchivedSum, Hold, LedgerEntry, SpendingLimit

Period = SpendingLimit.Period


def require(book: Book, asked: Request, pending: Sequence[Request] = ()) -> None:
    """Raise `SpendingLimitExceeded` for the first limit that this would pass: everybody's, and the actor's own.

    `pending` is what the same call will spend before.
    """
    if not book.limited:
        return
    for limit in SpendingLimit.objects.using(book.using).filter(account_id=book.id).order_by("id"):
        if not _counts(limit, asked):
            continue
        spent = _spent(book, limit) + sum(each.micro for each in pending if _counts(limit, each))
        if spent + asked.micro > to_micro(limit.amount, most=MAX_TOTAL):
            raise SpendingLimitExceeded(limit, from_micro(spent), from_micro(asked.micro))


def _counts(limit: SpendingLimit, asked: Request) -> bool:
    return limit.member_id is None or str(limit.member_id) == asked.actor


def period_start(period: str, now: datetime) -> datetime | None:
    """When the calendar period of this moment began, in UTC; None for a limit on everything ever."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    match period:
        case Period.DAY:
            return midnight
        case Period.WEEK:
            return midnight - timedelta(days=midnight.weekday())
        case Period.MONTH:
            return midnight.replace(day=1)
    return None


def _spent(book: Book, limit: SpendingLimit) -> int:
    """What was spent in the period and not reversed since, and what is held now."""
    spends = LedgerEntry.objects.using(book.using).filter(account_id=book.id, kind=Kind.SPEND)
    holds = Hold.objects.using(book.using).filter(account_id=book.id, status=Hold.Status.OPEN, expires_at__gt=book.now)
    # What is archived is older than any period but the one without end.
    archived = ArchivedSum.objects.using(book.using).filter(archive__account_id=book.id, kind=Kind.SPEND)
    if (start := period_start(limit.period, book.now)) is not None:
        archived = archived.none()
        spends = spends.filter(created_at__gte=start)
    if limit.member_id is not None:
        spends = spends.filter(actor=str(limit.member_id))
        holds = holds.filter(actor=str(limit.member_id))
        archived = archived.filter(actor=str(limit.member_id))
    reversals = LedgerEntry.objects.using(book.using).filter(kind=Kind.REVERSAL, origin__in=spends)
    return _sum(holds) - _sum(spends) - _sum(archived) - _sum(reversals)


def _sum(rows: QuerySet[LedgerEntry] | QuerySet[Hold] | QuerySet[ArchivedSum]) -> int:
    return sum_to_micro(rows.aggregate(sum=Sum("amount"))["sum"])
