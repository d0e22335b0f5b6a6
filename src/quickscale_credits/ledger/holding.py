"""Setting credits aside while work is under way: hold, then capture or release."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, connections

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_credits.conf import conf
from quickscale_credits.exceptions import CaptureExceedsHold, HoldClosed, InvalidAmount
from quickscale_credits.ledger import limits, statements
from quickscale_credits.ledger.book import Book, HoldLine, Kind, Part, refuse
from quickscale_credits.ledger.compiling import unsaved
from quickscale_credits.ledger.grants import take_to_hold
from quickscale_credits.ledger.locking import (
    Owner,
    Tx,
    database,
    lock,
    lock_with_hold,
    replay,
    transact,
    transact_once,
)
from quickscale_credits.ledger.maturing import EXPIRED, held_parts, post_expiry, return_held
from quickscale_credits.ledger.requests import Amount, Request, checked_metadata, checked_row, gone, request
from quickscale_credits.ledger.writing import account_of, writing
from quickscale_credits.models import Hold, LedgerEntry
from quickscale_credits.signals import credits_spent, hold_captured, hold_placed, hold_released

logger = logging.getLogger(__name__)

Status = Hold.Status
LONGEST_HOLD = timedelta(days=3650)


def hold(
    owner: Owner,
    amount: Amount,
    *,
    reason: str,
    expires_in: timedelta | None = None,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> Hold:
    """Set credits aside, taken from concrete grants at once, in spending order.

    They return by themselves after `expires_in` (the setting `HOLD_TIMEOUT` if not given). Raises as `spend` does. With
    the key of an earlier hold of the same amount, reason and reference, that one is returned, open or not.
    """
    asked = request(
        "hold",
        amount,
        reason=reason,
        reference=reference,
        idempotency_key=idempotency_key,
        metadata=metadata,
        actor=actor,
    )
    lasting = _checked_duration(expires_in)

    def work(tx: Tx) -> Hold:
        book = lock(tx, owner)
        if book is None:
            refuse(owner, asked.micro, 0)
        if (tx.look_up or book.limited or book.available < asked.micro) and (first := replay(tx, book, asked, Hold)):
            return first
        book.require(asked.micro)
        limits.require(book, asked)
        with writing(book):
            return place(book, asked, take_to_hold(book, asked.micro), asked.micro, lasting)

    return transact_once(work)


def capture(hold: Hold, amount: Amount | None = None, *, metadata: dict[str, Any] | None = None) -> LedgerEntry | None:
    """Spend what is held: all of it, or `amount`, in spending order; the rest goes back. 0 releases and gives None.

    Raises `CaptureExceedsHold`, the hold untouched, or `HoldClosed` after a release, an expiry or another capture.
    Capturing again with the same amount returns the first entry. `metadata` is added to the hold's. Afterwards
    `hold.account` stands as the capture left it, without having been read again.
    """
    micro = None if amount is None else _checked_capture(amount)
    more = checked_metadata(metadata)

    def work(tx: Tx) -> LedgerEntry | None:
        book, line = _lock_hold(tx, hold)
        asked_for = line.amount if micro is None else micro
        if line.hold.status != Status.OPEN:
            return _captured_before(line, asked_for)
        if asked_for > line.amount:
            raise CaptureExceedsHold(
                f"{from_micro(asked_for)} credits cannot be captured: the hold is of {hold.amount}."
            )
        if line.hold.is_freeze:
            raise ValueError("A frozen grant can be released or revoked, not captured.")
        with writing(book):
            entry = _capture(book, line, asked_for, more) if asked_for else None
            if entry is None:
                _release(book, line)
        hold.account = account_of(book)
        return entry

    return transact(work)


def release(hold: Hold) -> Hold:
    """Give back what is held. Releasing what is released or expired does nothing; what is captured: `HoldClosed`."""

    def work(tx: Tx) -> Hold:
        book, line = _lock_hold(tx, hold)
        if line.hold.status == Status.CAPTURED:
            raise HoldClosed("The hold was captured; reverse its entry instead.")
        if line.hold.status == Status.OPEN:
            with writing(book):
                _release(book, line)
        return hold

    return transact(work)


@contextmanager
def spending(
    owner: Owner,
    amount: Amount,
    *,
    reason: str,
    expires_in: timedelta | None = None,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> Iterator[Hold]:
    """Hold credits around the caller's work: captured on leaving, unless captured inside; released on an exception.

    Raises `RuntimeError` inside an open transaction: the hold must be committed before the work begins. With the key of
    a hold that is no longer open it raises `HoldClosed` and the work does not begin.
    """
    refuse_open_transaction("ledger.spending")
    placed = hold(
        owner,
        amount,
        reason=reason,
        expires_in=expires_in,
        reference=reference,
        idempotency_key=idempotency_key,
        metadata=metadata,
        actor=actor,
    )
    if placed.status != Status.OPEN:
        raise HoldClosed(f"The work for the key {idempotency_key!r} was done before: its hold is {placed.status}.")
    try:
        yield placed
    except BaseException:
        _release_after_failure(placed)
        raise
    _capture_unless_closed(placed)


def refuse_open_transaction(name: str) -> None:
    """Raise `RuntimeError` in the caller's transaction; a test case's own does not count."""
    connection = connections[database()]
    blocks: list[Any] = connection.atomic_blocks
    if (blocks and not blocks[-1]._from_testcase) or (not blocks and not connection.get_autocommit()):
        raise RuntimeError(
            f"{name} must be called outside any transaction (atomic, ATOMIC_REQUESTS): its hold has to be committed "
            "before the work begins, or a rollback would lose it. Mark a view with transaction.non_atomic_requests."
        )


def place(book: Book, asked: Request, parts: list[Part], micro: int, lasting: timedelta | None) -> Hold:
    """Book a hold on these parts, taken already; without `lasting` it is a freeze."""
    placed = unsaved(
        Hold,
        account_id=book.id,
        amount=from_micro(micro),
        captured=Decimal(0),
        status=Status.OPEN.value,
        expires_at=None if lasting is None else book.now + lasting,
        reason=asked.reason,
        reference=asked.reference,
        idempotency_key=asked.key,
        fingerprint=asked.fingerprint,
        actor=asked.actor,
        metadata=asked.metadata,
        created_at=book.now,
    )
    book.ends_at(placed.expires_at)
    book.holds.append(HoldLine(placed, micro, parts=parts))
    book.announce(hold_placed, hold=placed)
    return placed


def _lock_hold(tx: Tx, hold: Hold) -> tuple[Book, HoldLine]:
    """The book of its account, and the hold as it stands now: the caller's instance is brought up to date."""
    checked_row(hold, Hold)
    locked = lock_with_hold(tx, hold.account_id, hold.pk)
    if locked is None:
        raise gone(hold)
    book, (amount, captured, status, *rest) = locked
    for line in book.holds:
        if line.hold.pk == hold.pk:
            hold.status, line.hold = line.hold.status, hold
            return book, line
    hold.status = status
    hold.amount, hold.captured = from_micro(amount), from_micro(captured)
    hold.grant_id, hold.entry_id, hold.seal = rest
    return book, HoldLine(hold, amount, captured)


def _captured_before(line: HoldLine, micro: int) -> LedgerEntry | None:
    if line.hold.status == Status.CAPTURED and micro == line.captured:
        return line.hold.entry
    if line.hold.status == Status.RELEASED and micro == 0:
        return None
    raise HoldClosed(f"The hold cannot be captured: it is {line.hold.status}.")


def _capture(book: Book, line: HoldLine, micro: int, metadata: dict[str, Any]) -> LedgerEntry:
    hold = line.hold
    asked = Request(
        verb="capture",
        micro=micro,
        reason=hold.reason,
        reference=hold.reference,
        metadata=hold.metadata | metadata,
        actor=hold.actor,
    )
    taken, rest = _split(book, line, micro)
    book.held -= micro
    entry = book.post(Kind.SPEND, -micro, taken, asked)
    _return(book, rest)
    hold.status = Status.CAPTURED.value
    book.holds.append(HoldLine(hold, line.amount, micro, entry))
    book.announce(credits_spent, entry=entry, hold=hold)
    book.announce(hold_captured, entry=entry, hold=hold)
    return entry


def _split(book: Book, line: HoldLine, micro: int) -> tuple[list[Part], list[Part]]:
    """What is captured, taken from its grants, and the rest; a single grant captured whole is not even read."""
    if micro == line.amount and line.hold.grant_id is not None and not book.lines:
        statements.spend_held.change(book.db, pk=line.hold.grant_id, micro=micro)
        return [Part(line.hold.grant_id, micro)], []
    taken, rest, left = [], [], micro
    for part in held_parts(book, line.hold):
        here = min(part.micro, left)
        left -= here
        if here:
            part.line.change(held=-here)
            taken.append(Part(part.line, here))
        if here < part.micro:
            rest.append(Part(part.line, part.micro - here))
    return taken, rest


def _release(book: Book, line: HoldLine) -> None:
    _return(book, held_parts(book, line.hold))
    line.hold.status = Status.RELEASED
    book.holds.append(line)
    book.announce(hold_released, hold=line.hold)


def _return(book: Book, parts: list[Part]) -> None:
    for part in parts:
        if lost := return_held(book, part, book.now):
            post_expiry(book, part.line, lost, EXPIRED)


def _release_after_failure(placed: Hold) -> None:
    try:
        release(placed)
    except HoldClosed:
        pass  # captured inside: that work was done
    except DatabaseError:
        logger.exception("Hold %s could not be released; it ends at %s by itself.", placed.pk, placed.expires_at)


def _capture_unless_closed(placed: Hold) -> None:
    """A hold that has expired meanwhile raises `HoldClosed`, whether that was booked or not: the work was not paid."""
    placed.refresh_from_db(using=database(), fields=["status"])
    if placed.status in (Status.OPEN, Status.EXPIRED):
        capture(placed)


def _checked_capture(amount: Amount) -> int:
    micro = to_micro(amount)
    if micro < 0:
        raise InvalidAmount(f"An amount to capture is 0 or more, not {amount}.")
    return micro


def _checked_duration(expires_in: timedelta | None) -> timedelta:
    lasting = conf.HOLD_TIMEOUT if expires_in is None else expires_in
    if not isinstance(lasting, timedelta) or lasting <= timedelta(0):
        raise ValueError(f"expires_in must be a timedelta above zero, not {lasting!r}.")
    if lasting > LONGEST_HOLD:
        raise ValueError(f"A hold lasts at most {LONGEST_HOLD.days} days, not {lasting}.")
    return lasting
