"""Ending credits: booking what is due, or a grant before its time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone

from quickscale_credits.amounts import from_micro
from quickscale_credits.exceptions import InvalidAmount, LedgerDamaged
from quickscale_credits.ledger.grants import line_of
from quickscale_credits.ledger.locking import Tx, database, lock_account, lock_accounts, replay, transact
from quickscale_credits.ledger.maturing import post_expiry
from quickscale_credits.ledger.requests import Amount, checked_row, request
from quickscale_credits.ledger.writing import writing
from quickscale_credits.models import CreditAccount, CreditGrant, LedgerEntry

logger = logging.getLogger(__name__)

# So many accounts are locked at once, for some tenths of a second.
PAGE = 50


def expire(*, now: datetime | None = None) -> int:
    """Book what is due by `now`, and return the number of expiries: an entry per grant.

    Only bookkeeping: balances count what is due as gone anyway. Some accounts at a time are a transaction, so it is
    safe to run twice, at once and again after it was stopped.
    """
    return sum(expire_each(now))


def expire_each(now: datetime | None = None) -> Iterator[int]:
    """Like `expire`, for a caller that shows progress: the number of expiries of one account after the other.

    Each is booked as of its own moment, however long the sweep takes.
    """
    last = 0
    while page := _due_after(last, now or timezone.now()):
        yield from _expire_accounts(page, now)
        last = page[-1]


def _due_after(last: int, moment: datetime) -> list[int]:
    accounts = CreditAccount.objects.using(database()).filter(next_expiry_at__lte=moment, pk__gt=last)
    return list(accounts.order_by("pk").values_list("pk", flat=True)[:PAGE])


def _expire_accounts(account_ids: list[int], now: datetime | None) -> list[int]:
    def work(tx: Tx) -> list[int]:
        books = list(lock_accounts(tx, account_ids, now=now).values())
        with writing(*books):
            return [len(book.posted) for book in books]

    try:
        return transact(work)
    except LedgerDamaged:
        return [_expire_account(pk, now) for pk in account_ids]


def _expire_account(account_id: int, now: datetime | None) -> int:
    def work(tx: Tx) -> int:
        book = lock_account(tx, account_id, now=now)
        with writing(book):
            return len(book.posted)

    try:
        return transact(work)
    except LedgerDamaged:
        # The other accounts' sweep must not wait until somebody has mended this one.
        logger.exception("What is due on account %s cannot be booked.", account_id)
        return 0


def expire_grant(
    grant: CreditGrant,
    amount: Amount | None = None,
    *,
    reason: str,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> LedgerEntry | None:
    """End free credits of a grant before their time: `amount` of them, or all; None when none is free.

    Raises `InvalidAmount` for more than is free.
    """
    checked_row(grant, CreditGrant)
    asked = request(
        "expire_grant",
        amount,
        reason=reason,
        reference=reference,
        idempotency_key=idempotency_key,
        metadata=metadata,
        actor=actor,
        about=grant.pk,
    )

    def work(tx: Tx) -> LedgerEntry | None:
        book = lock_account(tx, grant.account_id)
        if first := replay(tx, book, asked, LedgerEntry):
            return first
        line = line_of(book, grant)
        micro = asked.micro or line.remaining
        if micro > line.remaining:
            raise InvalidAmount(f"Only {from_micro(line.remaining)} credits of this grant are free.")
        if not micro:
            return None
        with writing(book):
            line.expire(micro, taken_from="remaining")
            book.head = None
            return post_expiry(book, line, micro, asked)

    return transact(work)
