"""Taking back a grant, and freezing one while it is disputed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quickscale_credits.amounts import from_micro, to_micro
from quickscale_credits.exceptions import InvalidAmount
from quickscale_credits.ledger.book import Book, GrantLine, HoldLine, Kind, Part
from quickscale_credits.ledger.grants import line_of, pay_debt
from quickscale_credits.ledger.holding import place
from quickscale_credits.ledger.locking import Tx, lock_account, replay, transact
from quickscale_credits.ledger.requests import Amount, checked_row, request
from quickscale_credits.ledger.writing import writing
from quickscale_credits.models import CreditGrant, Hold, LedgerEntry
from quickscale_credits.signals import credits_revoked, hold_released


def revoke(
    grant: CreditGrant,
    amount: Amount | None = None,
    *,
    reason: str,
    allow_debt: bool = True,
    reference: str = "",
    idempotency_key: str | None = None,
    metadata: dict[str, Any] | None = None,
    actor: object = None,
) -> LedgerEntry | None:
    """Take back a grant, or `amount` of it; None means all that was not revoked before.

    First what is frozen or free of it. What was spent or is held becomes debt, unless `allow_debt` is False; what has
    expired is gone. Returns None when nothing could be taken. Raises `InvalidAmount` for more than is left to revoke.
    """
    checked_row(grant, CreditGrant)
    asked = request(
        "revoke",
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
        freezes = _freezes(book, line)
        claim = _claim(line, asked.micro, sum(freeze.amount for freeze in freezes), allow_debt=allow_debt)
        if not claim.total:
            return None
        with writing(book):
            _unfreeze(book, freezes, claim.frozen)
            line.change(remaining=-claim.free, held=-claim.frozen, revoked=claim.total)
            book.head = None
            entry = book.post(Kind.REVOCATION, -claim.total, [], asked, debt=claim.debt, grant_id=line.id)
            pay_debt(book)
            book.announce(credits_revoked, entry=entry)
        return entry

    return transact(work)


def freeze(grant: CreditGrant, *, reason: str, reference: str = "") -> Hold:
    """Hold what is free of one grant until it is released: neither spent nor expired. It does not time out.

    Where nothing is free, the hold is of 0 credits.
    """
    checked_row(grant, CreditGrant)
    asked = request("freeze", None, reason=reason, reference=reference, about=grant.pk)

    def work(tx: Tx) -> Hold:
        book = lock_account(tx, grant.account_id)
        line = line_of(book, grant)
        micro = line.remaining
        with writing(book):
            line.change(remaining=-micro, held=micro)
            book.held += micro
            book.head = None
            return place(book, asked, [Part(line, micro)], micro, None)

    return transact(work)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a revocation takes, in micro-credits, and from where."""

    frozen: int
    free: int
    debt: int

    @property
    def total(self) -> int:
        return self.frozen + self.free + self.debt


def _claim(line: GrantLine, micro: int, frozen: int, *, allow_debt: bool) -> Claim:
    left = line.amount - line.revoked
    if micro > left:
        raise InvalidAmount(f"Only {from_micro(left)} credits of this grant are left to revoke.")
    wanted = micro or left
    from_frozen = min(wanted, frozen)
    from_free = min(wanted - from_frozen, line.remaining)
    spent_or_held = max(0, left - line.expired - line.remaining - frozen)
    debt = min(wanted - from_frozen - from_free, spent_or_held) if allow_debt else 0
    return Claim(from_frozen, from_free, debt)


def _freezes(book: Book, line: GrantLine) -> list[HoldLine]:
    holds = Hold.objects.using(book.using).filter(
        account_id=book.id, grant_id=line.id, status=Hold.Status.OPEN, expires_at=None
    )
    return [HoldLine(hold, to_micro(hold.amount)) for hold in holds.order_by("id")]


def _unfreeze(book: Book, freezes: list[HoldLine], micro: int) -> None:
    """Shrink the freezes by what is taken out of them; one that is taken whole is over."""
    book.held -= micro
    for freeze in freezes:
        taken = min(micro, freeze.amount)
        if not taken:
            continue
        if taken == freeze.amount:
            freeze.hold.status = Hold.Status.RELEASED
            book.announce(hold_released, hold=freeze.hold)
        else:
            freeze.amount -= taken
        book.holds.append(freeze)
        micro -= taken
