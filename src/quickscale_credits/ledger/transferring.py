"""Moving credits from one account to another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quickscale_credits.ledger.book import Book, GrantLine, Kind, Part, refuse
from quickscale_credits.ledger.grants import lines, new_line, pay_debt, take
from quickscale_credits.ledger.locking import Owner, Tx, account_ids, lock_accounts, make, replay, transact
from quickscale_credits.ledger.requests import Amount, Request, request
from quickscale_credits.ledger.writing import writing
from quickscale_credits.models import LedgerEntry
from quickscale_credits.querysets import identifying
from quickscale_credits.signals import credits_transferred

Pair = tuple[LedgerEntry, LedgerEntry]


def transfer(
    source: Owner,
    target: Owner,
    amount: Amount,
    *,
    reason: str,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> Pair:
    """Take in spending order and give with the same type, priority and expiry, grant by grant.

    Returns the entries out and in. The idempotency key counts on the source. Raises `InsufficientCredits`, and
    `ValueError` for a transfer to oneself.
    """
    base = request(
        "transfer",
        amount,
        reason=reason,
        reference=reference,
        idempotency_key=idempotency_key,
        metadata=metadata,
        actor=actor,
    )

    def work(tx: Tx) -> Pair:
        source_id, target_id = account_ids(tx, [source, target])
        _check_differ(source, target, source_id, target_id)
        books = lock_accounts(tx, [pk for pk in (source_id, target_id) if pk is not None])
        if source_id is None:
            refuse(source, base.micro, 0)
        payer = books[source_id]
        payer.owner = source
        if target_id is None:  # somebody may have made it while the lock was waited for
            [target_id] = account_ids(tx, [target])
        if first := replay(tx, payer, replace(base, about=str(target_id)), LedgerEntry):
            return first, LedgerEntry.objects.using(tx.using).get(origin=first, kind=Kind.TRANSFER_IN)
        payer.require(base.micro)
        payee = books[target_id] if target_id is not None and target_id in books else make(tx, target)
        payee.require_room(base.micro)
        with writing(payer, payee):
            return _move(payer, payee, replace(base, about=str(payee.id)))

    return transact(work)


def _check_differ(source: Owner, target: Owner, source_id: int | None, target_id: int | None) -> None:
    if identifying(source) == identifying(target) or (source_id is not None and source_id == target_id):
        raise ValueError("Source and target of a transfer are the same account.")


def _move(payer: Book, payee: Book, asked: Request) -> Pair:
    taken = take(payer, asked.micro)
    given = [Part(_like(payee, part, payer), part.micro) for part in taken]
    out = payer.post(Kind.TRANSFER_OUT, -asked.micro, taken, asked)
    into = payee.post(Kind.TRANSFER_IN, asked.micro, given, replace(asked, key=None), origin=out)
    pay_debt(payee)
    payer.announce(credits_transferred, entry=out)
    payee.announce(credits_transferred, entry=into)
    return out, into


def _like(payee: Book, part: Part, payer: Book) -> GrantLine:
    """A grant of the payee's, of the same kind as the one that paid this part."""
    [line] = lines(payer, pk=part.grant_id)
    return new_line(payee, part.micro, line.credit_type, line.priority, line.expires_at)
