"""Taking credits from an account's grants and putting them back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from quickscale_credits.amounts import from_micro
from quickscale_credits.exceptions import LedgerDamaged
from quickscale_credits.ledger import statements
from quickscale_credits.ledger.book import Book, GrantLine, Part
from quickscale_credits.ledger.compiling import raw_rows
from quickscale_credits.ledger.requests import gone
from quickscale_credits.ledger.sealing import GRANT, seal
from quickscale_credits.models import CreditGrant

_CHANGING = ("remaining", "held", "revoked", "expired", "debt_paid", "state")


def take(book: Book, micro: int) -> list[Part]:
    """Take free credits in spending order: from the head alone, if it has more, without reading any grant."""
    if _head_is_unread(book) and statements.spend_from_head.change(book.db, pk=book.head, micro=micro):
        return [Part(book.head, micro)]
    head = book.lines.get(book.head)
    if head and head.remaining > micro:
        head.change(remaining=-micro)
        return [Part(head, micro)]
    return _walk(book, micro)


def take_to_hold(book: Book, micro: int) -> list[Part]:
    """Like `take`; the credits stay on their grants, held."""
    book.held += micro
    if _head_is_unread(book) and statements.hold_from_head.change(book.db, pk=book.head, micro=micro):
        return [Part(book.head, micro)]
    return _walk(book, micro, moved_to="held")


def pay_debt(book: Book) -> None:
    """Let what is free pay the debt at once: they never stand side by side."""
    if payable := min(book.debt, book.free):
        _walk(book, payable, moved_to="debt_paid")
        book.debt -= payable


def put_back(book: Book, line: GrantLine, micro: int) -> list[Part]:
    """Free these credits on their grant. What does not fit there comes as a new grant of the same kind, and that pays
    debt first: what stays on the grant itself can still expire or be revoked as a part of it."""
    room = min(micro, line.amount - line.remaining - line.held)
    line.change(remaining=room)
    book.head = None
    book.ends_at(line.expires_at)
    parts = [Part(line, room)]
    if micro > room:
        more = new_line(book, micro - room, line.credit_type, line.priority, line.expires_at)
        paid = min(more.remaining, book.debt)
        more.change(remaining=-paid, debt_paid=paid)
        book.debt -= paid
        parts.append(Part(more, micro - room))
    return [part for part in parts if part.micro]


def new_line(book: Book, micro: int, credit_type: str, priority: int, expires_at: datetime | None) -> GrantLine:
    line = GrantLine(None, credit_type, priority, expires_at, amount=micro, remaining=micro, is_new=True)
    book.new_lines.append(line)
    book.head = None
    book.ends_at(expires_at)
    return line


def lines(book: Book, **where: Any) -> list[GrantLine]:
    """The account's grants that match, each read once in the life of the book."""
    grants = CreditGrant.objects.filter(account_id=book.id, **where).in_spending_order()
    rows = raw_rows(grants.values_list(*statements.GRANT), book.db)
    return [_kept(book, row) for row in rows]


def line_of(book: Book, grant: CreditGrant) -> GrantLine:
    """The grant as it stands now."""
    for line in lines(book, pk=grant.pk):
        return line
    raise gone(grant)


def due_lines(book: Book) -> list[GrantLine]:
    """The open grants whose time is over."""
    return [_kept(book, row) for row in statements.due_grants.all(book.db, pk=book.id, now=book.now)]


def read_heads(books: Sequence[Book]) -> None:
    """Read the grant that pays next in each of these accounts at once, for a batch that will take from all of them."""
    by_head = {book.head: book for book in books if book.head is not None}
    for row in statements.heads.all_among(books[0].db, list(by_head)):
        _kept(by_head[row[0]], row)


def write_lines(*books: Book) -> None:
    """Bring new and changed grants to the database."""
    for book in books:
        for line in book.new_lines:
            _insert(book, line)
        book.new_lines.clear()
    changed = [line for book in books for line in book.lines.values() if line.is_changed]
    statements.set_grant.change_each(
        books[0].db, [{"pk": line.id} | {name: getattr(line, name) for name in _CHANGING} for line in changed]
    )
    for line in changed:
        line.is_changed = False


def _head_is_unread(book: Book) -> bool:
    return book.head is not None and not book.lines


def _walk(book: Book, micro: int, *, moved_to: str | None = None) -> list[Part]:
    """Take grant by grant, a page at a time; the last one that is touched and not emptied is the new head."""
    parts, left = [], micro
    for line in _open_lines(book):
        part = min(line.remaining, left)
        line.change(remaining=-part, **({moved_to: part} if moved_to else {}))
        parts.append(Part(line, part))
        left -= part
        if not left:
            book.head = line.id if line.remaining else None
            return parts
    raise LedgerDamaged(f"The grants of account {book.id} lack {from_micro(left)} credits: run verify_ledger.")


def _open_lines(book: Book) -> Iterator[GrantLine]:
    """In spending order. What was emptied is written before the next page is read, so that it is not read again."""
    while True:
        write_lines(book)
        rows = statements.open_grants.all(book.db, pk=book.id)
        yield from [_kept(book, row) for row in rows]
        if len(rows) < statements.PAGE:
            return


def _kept(book: Book, row: tuple[Any, ...]) -> GrantLine:
    pk, credit_type, priority, expires_at, *numbers = row
    if pk not in book.lines:
        book.lines[pk] = GrantLine(pk, credit_type, priority, book.db.moment(expires_at), *numbers)
    return book.lines[pk]


def _insert(book: Book, line: GrantLine) -> None:
    columns = {name: getattr(line, name) for name in statements.GRANT if name != "id"}
    columns |= {"account_id": book.id, "entry_id": None, "created_at": book.now}
    line.id = statements.insert_grant.insert(book.db, seal=seal([columns[name] for name in GRANT]), **columns)
    book.lines[line.id] = line
