"""Bringing an open book to the database, and telling the world after the commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Model

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_credits.conf import conf
from quickscale_credits.ledger import statements
from quickscale_credits.ledger.book import Book, GrantLine, HoldLine, Posted
from quickscale_credits.ledger.grants import write_lines
from quickscale_credits.ledger.sealing import ENTRY, HOLD, seal, seal_of
from quickscale_credits.ledger.session import Session
from quickscale_credits.models import Allocation, CreditAccount, CreditGrant, HoldAllocation
from quickscale_credits.signals import balance_depleted, balance_low


@contextmanager
def writing(*books: Book) -> Iterator[None]:
    """Everything that is written is written in here: under a savepoint if the caller has a transaction of its own."""
    nested = books[0].nested
    with transaction.atomic(using=books[0].using) if nested else nullcontext():
        yield
        _write(books)
    for book in books:
        _announce(book)


def _write(books: Sequence[Book]) -> None:
    db = books[0].db
    write_lines(*books)
    _write_entries([each for book in books for each in book.posted], db)
    for book in books:
        for hold in book.holds:
            _write_hold(book, hold)
    _write_totals(books, db)


def _write_totals(books: Sequence[Book], db: Session) -> None:
    moved: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for book in books:
        (moved if book.has_moved else others).append(_account_columns(book))
    statements.set_totals.change_each(db, others)
    statements.set_account.change_each(db, moved)


def _account_columns(book: Book) -> dict[str, Any]:
    return {
        "pk": book.id,
        "balance": book.balance,
        "held": book.held,
        "debt": book.debt,
        "sequence": book.sequence,
        "head_grant_id": book.head,
        "next_expiry_at": book.next_expiry_at,
        "modified": book.now,
    }


def _write_entries(posted: list[Posted], db: Session) -> None:
    """Those that follow another entry come after it, because they name its id."""
    followers = [each for each in posted if each.origin is not None and each.origin.pk is None]
    _insert_entries([each for each in posted if each not in followers] if followers else posted, db)
    if followers:
        _insert_entries(followers, db)
    _insert_allocations(posted, db.using)
    _name_entry_of_new_grants(posted, db.using)


def _insert_entries(posted: list[Posted], db: Session) -> None:
    ids = statements.insert_entry.insert_each(db, [_sealed(each) for each in posted])
    for each, pk in zip(posted, ids, strict=True):
        each.entry.id = pk
        _now_stored(each.entry, db.using)


def _sealed(posted: Posted) -> dict[str, Any]:
    """The entry's columns, now that grants and origins have their ids: it says which one has part, and has its seal."""
    entry = posted.entry
    if len(posted.parts) == 1:
        entry.grant_id = posted.parts[0].grant_id
    if posted.origin is not None:
        entry.origin = posted.origin
    numbers = {"amount": posted.micro, "balance_after": posted.balance_after, "debt": posted.debt}
    columns = vars(entry) | numbers
    columns["seal"] = entry.seal = seal([columns[name] for name in ENTRY])
    return columns


def _insert_allocations(posted: list[Posted], using: str) -> None:
    rows = [
        Allocation(entry_id=each.entry.pk, grant_id=part.grant_id, amount=from_micro(part.micro))
        for each in posted
        if len(each.parts) > 1
        for part in each.parts
    ]
    if rows:
        Allocation.objects.using(using).bulk_create(rows)


def _name_entry_of_new_grants(posted: list[Posted], using: str) -> None:
    for each in posted:
        made = [part.grant_id for part in each.parts if isinstance(part.grant, GrantLine) and part.grant.is_new]
        if made:
            CreditGrant.objects.using(using).filter(pk__in=made).update(entry_id=each.entry.pk)


def _write_hold(book: Book, line: HoldLine) -> None:
    hold = line.hold
    if hold._state.adding:
        _insert_hold(book, line)
        return
    is_changed = hold.amount != from_micro(line.amount)
    hold.amount, hold.captured, hold.entry = from_micro(line.amount), from_micro(line.captured), line.entry
    if is_changed:
        hold.seal = seal_of(hold, HOLD)
    numbers = {"amount": line.amount, "captured": line.captured}
    statements.set_hold.change(book.db, **vars(hold) | numbers, pk=hold.id)


def _insert_hold(book: Book, line: HoldLine) -> None:
    hold = line.hold
    if len(line.parts) == 1:
        hold.grant_id = line.parts[0].grant_id
    columns = vars(hold) | {"amount": line.amount, "captured": line.captured}
    columns["seal"] = hold.seal = seal([columns[name] for name in HOLD])
    hold.id = statements.insert_hold.insert(book.db, **columns)
    _now_stored(hold, book.using)
    _insert_hold_allocations(book, line)


def _insert_hold_allocations(book: Book, line: HoldLine) -> None:
    if len(line.parts) > 1:
        HoldAllocation.objects.using(book.using).bulk_create(
            HoldAllocation(hold_id=line.hold.pk, grant_id=part.grant_id, amount=from_micro(part.micro))
            for part in line.parts
        )


def _now_stored(row: Model, using: str) -> None:
    row._state.adding = False
    row._state.db = using


def _announce(book: Book) -> None:
    _announce_crossings(book, book.available_before, book.available_matured)
    _announce_crossings(book, book.available_matured, book.available)
    if any(signal.has_listeners(CreditAccount) for signal, _ in book.news):
        transaction.on_commit(partial(_send, book), using=book.using)


def _announce_crossings(book: Book, before: int, after: int) -> None:
    """Once per crossing: first by what had come due, then by what the verb did."""
    if after >= before:
        return
    if balance_low.has_listeners(CreditAccount):
        threshold = _threshold(book)
        if threshold is not None and after < threshold <= before:
            book.announce(balance_low)
    if after == 0:
        book.announce(balance_depleted)


def _threshold(book: Book) -> int | None:
    if book.threshold is not None:
        return int(book.threshold)
    general = conf.LOW_BALANCE_THRESHOLD
    return None if general is None else to_micro(general)


def _send(book: Book) -> None:
    account = account_of(book)
    for signal, about in book.news:
        signal.send_robust(sender=CreditAccount, account=account, **about)


def account_of(book: Book) -> CreditAccount:
    """The account as the verb left it, without reading it again."""
    owner_pk = CreditAccount._meta.get_field("owner").target_field.to_python(book.owner_id)
    return CreditAccount.from_db(
        book.using,
        ["id", "owner_id", "balance", "held", "debt", "sequence"],
        [book.id, owner_pk, *map(from_micro, (book.balance, book.held, book.debt)), book.sequence],
    )
