"""Corrections are new entries: reversing what was booked, and an administrator's adjustment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Sum

from quickscale_credits.amounts import from_micro, sum_to_micro, to_micro
from quickscale_credits.conf import conf
from quickscale_credits.exceptions import NotReversible
from quickscale_credits.ledger.book import Book, GrantLine, Kind, Part, refuse
from quickscale_credits.ledger.granting import checked_priority, checked_type
from quickscale_credits.ledger.grants import lines, new_line, pay_debt, put_back, take
from quickscale_credits.ledger.locking import Owner, Tx, lock, lock_account, make, replay, transact
from quickscale_credits.ledger.requests import Amount, checked_row, gone, request
from quickscale_credits.ledger.writing import writing
from quickscale_credits.models import CreditType, LedgerEntry
from quickscale_credits.signals import credits_adjusted, credits_reversed


def reverse(
    entry: LedgerEntry,
    amount: Amount | None = None,
    *,
    reason: str,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> LedgerEntry:
    """Undo a spend or a revocation, or `amount` of it; None means what is left of it.

    A spend goes back to the grants that paid, newest allocation first; a revocation to its grant. Parts whose grant has
    expired come back as a grant of the same type and priority that lasts `REVERSAL_GRACE`. Debt is paid first. Raises
    `NotReversible` for other entries, for more than is left, and when nothing is left.
    """
    checked_row(entry, LedgerEntry)
    asked = request(
        "reverse",
        amount,
        reason=reason,
        reference=reference,
        idempotency_key=idempotency_key,
        metadata=metadata,
        actor=actor,
        about=entry.pk,
    )

    def work(tx: Tx) -> LedgerEntry:
        book = lock_account(tx, entry.account_id)
        if first := replay(tx, book, asked, LedgerEntry):
            return first
        origin = LedgerEntry.objects.using(tx.using).filter(pk=entry.pk, account_id=book.id).first()
        if origin is None:
            raise gone(entry)
        done = _reversed(book, origin)
        micro = asked.micro or _left(origin, done)
        if micro > _left(origin, done):
            raise NotReversible(f"Only {from_micro(_left(origin, done))} of this entry is left to reverse.")
        book.require_room(micro)
        with writing(book):
            parts = list(_give_back(book, origin, done, micro))
            reversal = book.post(Kind.REVERSAL, micro, parts, asked, origin=origin)
            pay_debt(book)
            book.announce(credits_reversed, entry=reversal)
        return reversal

    return transact(work)


def adjust(
    owner: Owner,
    amount: Amount,
    *,
    reason: str,
    credit_type: str = CreditType.PROMOTIONAL,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> LedgerEntry:
    """An administrator's correction. Above zero: a grant of that type that does not expire.

    Below zero it takes in spending order, and raises `InsufficientCredits` where too little is available.
    """
    credit_type = checked_type(credit_type)
    asked = request(
        "adjust",
        amount,
        reason=reason,
        reference=reference,
        idempotency_key=idempotency_key,
        metadata=metadata,
        actor=actor,
        about=credit_type,
        signed=True,
    )

    def work(tx: Tx) -> LedgerEntry:
        book = lock(tx, owner)
        if book is None:
            book = _made_for(asked.micro, tx, owner)
        if first := replay(tx, book, asked, LedgerEntry):
            return first
        if asked.micro < 0:
            book.require(-asked.micro)
        book.require_room(asked.micro)
        with writing(book):
            parts = _adjusted(book, asked.micro, credit_type)
            entry = book.post(Kind.ADJUSTMENT, asked.micro, parts, asked)
            pay_debt(book)
            book.announce(credits_adjusted, entry=entry)
        return entry

    return transact(work)


def _reversed(book: Book, origin: LedgerEntry) -> int:
    if origin.kind not in (Kind.SPEND, Kind.REVOCATION):
        raise NotReversible(f"Only a spend or a revocation can be reversed, not a {origin.get_kind_display()}.")
    followers = LedgerEntry.objects.using(book.using).filter(origin_id=origin.pk, kind=Kind.REVERSAL)
    return sum_to_micro(followers.aggregate(sum=Sum("amount"))["sum"])


def _left(origin: LedgerEntry, done: int) -> int:
    left = -to_micro(origin.amount) - done
    if not left:
        raise NotReversible("Nothing of this entry is left to reverse.")
    return left


def _give_back(book: Book, origin: LedgerEntry, done: int, micro: int) -> Iterator[Part]:
    """To whom the entry took from, newest part first, leaving out the `done` that earlier reversals gave back."""
    is_revocation = origin.kind == Kind.REVOCATION
    for line, share in _shares(book, origin):
        skipped = min(done, share)
        part = min(micro, share - skipped)
        done -= skipped
        micro -= part
        if not part:
            continue
        if is_revocation:
            line.change(revoked=-part)
        if line.has_expired(book.now):
            until = book.now + conf.REVERSAL_GRACE
            yield Part(new_line(book, part, line.credit_type, line.priority, until), part)
        else:
            yield from put_back(book, line, part)


def _shares(book: Book, origin: LedgerEntry) -> list[tuple[GrantLine, int]]:
    """A revocation is wholly its grant's, whoever has paid the debt that it made."""
    if origin.grant_id is not None:
        shares = {origin.grant_id: -to_micro(origin.amount)}
    else:
        allocations = origin.allocations.using(book.using).order_by("-id")
        shares = {row.grant_id: to_micro(row.amount) for row in allocations}
    known = {line.id: line for line in lines(book, pk__in=list(shares))}
    return [(known[pk], share) for pk, share in shares.items()]


def _made_for(micro: int, tx: Tx, owner: Owner) -> Book:
    if micro < 0:
        refuse(owner, -micro, 0)
    return make(tx, owner)


def _adjusted(book: Book, micro: int, credit_type: str) -> list[Part]:
    if micro < 0:
        return take(book, -micro)
    line = new_line(book, micro, credit_type, checked_priority(credit_type, None), None)
    return [Part(line, micro)]
