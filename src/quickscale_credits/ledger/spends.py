"""Spending credits at once."""

from __future__ import annotations

from typing import Any

from quickscale_credits.ledger import limits
from quickscale_credits.ledger.book import Kind, refuse
from quickscale_credits.ledger.grants import take
from quickscale_credits.ledger.locking import Owner, Tx, lock, replay, transact_once
from quickscale_credits.ledger.requests import Amount, request
from quickscale_credits.ledger.writing import writing
from quickscale_credits.models import LedgerEntry
from quickscale_credits.signals import credits_spent


def spend(
    owner: Owner,
    amount: Amount,
    *,
    reason: str,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> LedgerEntry:
    """Take credits in spending order: by priority, then soonest expiry, then age.

    Raises `InsufficientCredits` or `SpendingLimitExceeded`, having written nothing. With the key of an earlier spend of
    the same amount, reason and reference, that one's entry is returned and nothing is taken.
    """
    asked = request(
        "spend",
        amount,
        reason=reason,
        reference=reference,
        idempotency_key=idempotency_key,
        metadata=metadata,
        actor=actor,
    )

    def work(tx: Tx) -> LedgerEntry:
        book = lock(tx, owner)
        if book is None:
            refuse(owner, asked.micro, 0)
        if (tx.look_up or book.limited or book.available < asked.micro) and (
            first := replay(tx, book, asked, LedgerEntry)
        ):
            return first
        book.require(asked.micro)
        limits.require(book, asked)
        with writing(book):
            entry = book.post(Kind.SPEND, -asked.micro, take(book, asked.micro), asked)
            book.announce(credits_spent, entry=entry)
        return entry

    return transact_once(work)
