"""Many spends in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_credits.ledger import limits
from quickscale_credits.ledger.book import Book, Kind, refuse
from quickscale_credits.ledger.grants import read_heads, take
from quickscale_credits.ledger.locking import Owner, Tx, lock_owners, transact
from quickscale_credits.ledger.requests import Amount, Request, request
from quickscale_credits.ledger.writing import writing
from quickscale_credits.models import LedgerEntry
from quickscale_credits.signals import credits_spent


@dataclass(frozen=True)
class Charge:
    """One spend of `spend_many`; the fields are the parameters of `spend`."""

    owner: Owner
    amount: Amount
    reason: str
    reference: str = ""
    idempotency_key: str | None = None
    metadata: dict[str, Any] | None = None
    actor: object = None

    def request(self) -> Request:
        return request(
            "spend",
            self.amount,
            reason=self.reason,
            reference=self.reference,
            idempotency_key=self.idempotency_key,
            metadata=self.metadata,
            actor=self.actor,
        )


def spend_many(charges: Iterable[Charge]) -> list[LedgerEntry]:
    """Spend all of these or, on the first error, none; the entries come in the order of the charges.

    Each charge is checked as `spend` would, after those before it. A key that was used before, in an earlier call or by
    an earlier charge, gives its first entry.
    """
    asked = [(charge.owner, charge.request()) for charge in charges]
    if not asked:
        return []

    def work(tx: Tx) -> list[LedgerEntry]:
        books = lock_owners(tx, [owner for owner, _ in asked])
        spends = _checked(tx, books, asked)
        open_books = [book for book in dict.fromkeys(books) if book is not None]
        read_heads(open_books)
        with writing(*open_books):
            return [_booked(spend) for spend in spends]

    return transact(work)


@dataclass(slots=True)
class _Spend:
    """A spend that was checked; it has its entry once it is booked, or from an earlier call."""

    book: Book
    asked: Request
    fingerprint: int | None
    entry: LedgerEntry | None = None


def _checked(tx: Tx, books: list[Book | None], asked: list[tuple[Owner, Request]]) -> list[_Spend]:
    """Nothing is written until every charge has passed."""
    by_key = _earlier(tx, books, asked)
    pending: dict[int, list[Request]] = defaultdict(list)
    reserved: dict[int, int] = defaultdict(int)
    spends = []
    for book, (owner, each) in zip(books, asked, strict=True):
        if book is None:
            refuse(owner, each.micro, 0)
        spend = by_key.get((book.id, each.key))
        if spend is None:
            if each.micro > book.available - reserved[book.id]:
                refuse(owner, each.micro, book.available - reserved[book.id])
            limits.require(book, each, pending[book.id])
            pending[book.id].append(each)
            reserved[book.id] += each.micro
            spend = _Spend(book, each, each.fingerprint)
            if each.key is not None:
                by_key[book.id, each.key] = spend
        elif spend.fingerprint != each.fingerprint:
            raise IdempotencyConflict(f"The idempotency key {each.key!r} was used before, for another request.")
        spends.append(spend)
    return spends


def _earlier(
    tx: Tx, books: list[Book | None], asked: list[tuple[Owner, Request]]
) -> dict[tuple[int, str | None], _Spend]:
    by_id = {book.id: book for book in books if book is not None}
    keys = {each.key for _, each in asked if each.key is not None}
    if not keys:
        return {}
    entries = LedgerEntry.objects.using(tx.using).filter(account_id__in=by_id, idempotency_key__in=keys)
    return {
        (entry.account_id, entry.idempotency_key): _Spend(
            by_id[entry.account_id], asked[0][1], entry.fingerprint, entry
        )
        for entry in entries
    }


def _booked(spend: _Spend) -> LedgerEntry:
    if spend.entry is None:
        book, asked = spend.book, spend.asked
        spend.entry = book.post(Kind.SPEND, -asked.micro, take(book, asked.micro), asked)
        book.announce(credits_spent, entry=spend.entry)
    return spend.entry
