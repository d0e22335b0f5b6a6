"""What has come due on an open book: holds whose time is over, grants that have expired. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter

from quickscale_credits.amounts import to_micro
from quickscale_credits.exceptions import LedgerDamaged
from quickscale_credits.ledger import statements
from quickscale_credits.ledger.book import Book, GrantLine, HoldLine, Kind, Part
from quickscale_credits.ledger.grants import due_lines, lines
from quickscale_credits.ledger.requests import Request
from quickscale_credits.models import Hold, LedgerEntry
from quickscale_credits.signals import credits_expired, hold_released

EXPIRED = Request(verb="expire", micro=0, reason="expired")


def mature(book: Book) -> None:
    """Count what is due as gone, in the order of time, and book an expiry for each grant that lost something."""
    if not book.is_due:
        return
    holds = [_hold_line(book, hold) for hold in _due_holds(book)]
    lost: dict[GrantLine, int] = {}
    for moment, event in _in_time(book, holds):
        for line, micro in _lost_by(book, event, moment):
            lost[line] = lost.get(line, 0) + micro
    for line, micro in lost.items():
        post_expiry(book, line, micro, EXPIRED)
    if lost or holds:
        book.head = None


def post_expiry(book: Book, line: GrantLine, micro: int, asked: Request) -> LedgerEntry:
    entry = book.post(Kind.EXPIRY, -micro, [Part(line, micro)], asked)
    book.announce(credits_expired, entry=entry)
    return entry


def return_held(book: Book, part: Part, at: datetime) -> int:
    """What a hold gives back: free again and paying debt first, or expired with its grant. The part that expired."""
    line, micro = part.line, part.micro
    book.held -= micro
    if line.has_expired(at):
        line.expire(micro, taken_from="held")
        return micro
    paid = min(micro, book.debt)
    book.debt -= paid
    line.change(held=-micro, debt_paid=paid, remaining=micro - paid)
    book.ends_at(line.expires_at)
    book.head = None
    return 0


def held_parts(book: Book, hold: Hold) -> list[Part]:
    """The grants that a hold holds, in the order in which they were taken."""
    if hold.grant_id is not None:
        shares = {hold.grant_id: to_micro(hold.amount)}
    else:
        rows = hold.allocations.using(book.using).order_by("id")
        shares = {row.grant_id: to_micro(row.amount) for row in rows}
    known = {line.id: line for line in lines(book, pk__in=list(shares))}
    if len(known) < len(shares):
        raise LedgerDamaged(f"Hold {hold.pk} holds a grant that account {book.id} does not have: run verify_ledger.")
    return [Part(known[pk], micro) for pk, micro in shares.items()]


def _due_holds(book: Book) -> list[Hold]:
    ids = [pk for [pk] in statements.due_holds.all(book.db, pk=book.id, now=book.now)]
    return list(Hold.objects.using(book.using).filter(pk__in=ids).order_by("expires_at", "id")) if ids else []


def _hold_line(book: Book, hold: Hold) -> HoldLine:
    return HoldLine(hold, to_micro(hold.amount), parts=held_parts(book, hold))


def _in_time(book: Book, holds: list[HoldLine]) -> list[tuple[datetime, GrantLine | HoldLine]]:
    """When a grant and a hold end at once, the grant ends first: what the hold gives back has then expired."""
    due_lines(book)
    events: list[tuple[datetime, int, GrantLine | HoldLine]] = [
        (line.expires_at, 0, line)
        for line in book.lines.values()
        if line.expires_at is not None and line.expires_at <= book.now
    ]
    events += [(hold.hold.expires_at, 1, hold) for hold in holds if hold.hold.expires_at is not None]
    return [(moment, event) for moment, _, event in sorted(events, key=itemgetter(0, 1))]


def _lost_by(book: Book, event: GrantLine | HoldLine, at: datetime) -> Iterator[tuple[GrantLine, int]]:
    if isinstance(event, GrantLine):
        if micro := event.remaining:
            event.expire(micro, taken_from="remaining")
            yield event, micro
        return
    event.hold.status = Hold.Status.EXPIRED
    book.holds.append(event)
    book.announce(hold_released, hold=event.hold)
    for part in event.parts:
        if micro := return_held(book, part, at):
            yield part.line, micro


def find_next_expiry(book: Book) -> None:
    """After what was due has been counted: when something ends next."""
    book.next_expiry_at = None
    for statement in statements.first_ends:
        for [moment] in statement.all(book.db, pk=book.id, now=book.now):
            book.ends_at(book.db.moment(moment))
    for line in book.lines.values():
        if line.remaining:
            book.ends_at(line.expires_at)
