"""The open book of one locked account: how it stands, in whole micro-credits, and what is still to be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from django.utils import timezone

from quickscale_credits.amounts import MAX_TOTAL, from_micro
from quickscale_credits.exceptions import InsufficientCredits, InvalidAmount
from quickscale_credits.ledger.compiling import unsaved
from quickscale_credits.ledger.session import Session
from quickscale_credits.models import CreditGrant, Hold, LedgerEntry

if TYPE_CHECKING:
    from django.dispatch import Signal

    from quickscale_credits.ledger.requests import Request

State = CreditGrant.State
Kind = LedgerEntry.Kind


@dataclass(slots=True, eq=False)
class GrantLine:
    """A grant as it will stand; `id` is None until it is inserted."""

    id: int | None
    credit_type: str
    priority: int
    expires_at: datetime | None
    amount: int
    remaining: int
    held: int = 0
    revoked: int = 0
    expired: int = 0
    debt_paid: int = 0
    state: int = State.OPEN
    is_changed: bool = False
    is_new: bool = False

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at

    def change(self, **by: int) -> None:
        """Add to these columns; the state follows."""
        for column, micro in by.items():
            setattr(self, column, getattr(self, column) + micro)
        self.state = state_of(self)
        self.is_changed = True

    def expire(self, micro: int, *, taken_from: str) -> None:
        self.change(**{taken_from: -micro, "expired": micro})


def state_of(grant: GrantLine | CreditGrant) -> State:
    """Open while something is free; else by what became of the rest."""
    if grant.remaining:
        return State.OPEN
    if grant.revoked == grant.amount:
        return State.REVOKED
    return State.EXPIRED if grant.expired else State.SPENT


@dataclass(slots=True, frozen=True)
class Part:
    """So much of an entry or a hold falls to this grant, given by its line or, on the hot path, by its id alone."""

    grant: GrantLine | int
    micro: int

    @property
    def grant_id(self) -> int:
        found = self.grant if isinstance(self.grant, int) else self.grant.id
        if found is None:
            raise RuntimeError("A grant must be inserted before what names it.")
        return found

    @property
    def line(self) -> GrantLine:
        """For parts that were read, not taken blindly from the head."""
        if isinstance(self.grant, int):
            raise RuntimeError("The grants of this part were not read.")
        return self.grant


@dataclass(slots=True, eq=False)
class Posted:
    """An entry to be inserted, and its numbers in micro-credits."""

    entry: LedgerEntry
    micro: int
    balance_after: int
    debt: int
    parts: list[Part]
    origin: LedgerEntry | None


@dataclass(slots=True)
class HoldLine:
    """A hold to be inserted or updated to how it stands here; `parts` only where it is new."""

    hold: Hold
    amount: int
    captured: int = 0
    entry: LedgerEntry | None = None
    parts: list[Part] = field(default_factory=list)


class Book:
    def __init__(
        self,
        row: tuple[Any, ...],
        db: Session,
        *,
        nested: bool = False,
        owner: Any = None,
        now: datetime | None = None,
    ) -> None:
        self.balance: int
        self.held: int
        self.debt: int
        self.id, self.owner_id, self.balance, self.held, self.debt = row[:5]
        self.threshold, self.sequence, self.head, next_expiry_at, *limited = row[5:]
        self.limited = any(limited)
        self.next_expiry_at = db.moment(next_expiry_at)
        self.db = db
        self.nested = nested
        self.owner = owner
        self.now = now or timezone.now()
        self.available_before = self.available_matured = self.available
        self._moving_before = self.head, self.next_expiry_at
        self.lines: dict[int, GrantLine] = {}
        self.new_lines: list[GrantLine] = []
        self.posted: list[Posted] = []
        self.holds: list[HoldLine] = []
        self.news: list[tuple[Signal, dict[str, Any]]] = []

    @property
    def using(self) -> str:
        return self.db.using

    @property
    def available(self) -> int:
        return self.balance - self.held

    @property
    def has_moved(self) -> bool:
        """Whether the head or the next expiry is another: most spends leave them as they were."""
        return (self.head, self.next_expiry_at) != self._moving_before

    @property
    def free(self) -> int:
        """What is free on the grants: what is available, before any debt."""
        return self.available + self.debt

    @property
    def is_due(self) -> bool:
        return self.next_expiry_at is not None and self.next_expiry_at <= self.now

    def ends_at(self, moment: datetime | None) -> None:
        """Remember that a grant or a hold ends then."""
        if moment is not None and (self.next_expiry_at is None or moment < self.next_expiry_at):
            self.next_expiry_at = moment

    def require(self, micro: int) -> None:
        if micro > self.available:
            refuse(self.owner, micro, self.available)

    def require_room(self, micro: int) -> None:
        if self.balance + micro > MAX_TOTAL:
            raise InvalidAmount("An account keeps at most 9·10^12 credits in all.")

    def post(
        self,
        kind: Kind,
        micro: int,
        parts: list[Part],
        asked: Request,
        *,
        debt: int = 0,
        origin: LedgerEntry | None = None,
        grant_id: int | None = None,
    ) -> LedgerEntry:
        """Book an entry of so many micro-credits, signed; `grant_id` says which grant is meant where none has part."""
        self.sequence += 1
        self.balance += micro
        self.debt += debt
        entry = unsaved(
            LedgerEntry,
            account_id=self.id,
            sequence=self.sequence,
            kind=kind.value,
            amount=from_micro(micro),
            balance_after=from_micro(self.balance),
            debt=from_micro(debt),
            grant_id=grant_id,
            reason=asked.reason,
            reference=asked.reference,
            idempotency_key=asked.key,
            fingerprint=asked.fingerprint,
            actor=asked.actor,
            metadata=asked.metadata,
            created_at=self.now,
        )
        self.posted.append(Posted(entry, micro, self.balance, debt, parts, origin))
        return entry

    def announce(self, signal: Signal, **about: Any) -> None:
        """Send this after the commit."""
        self.news.append((signal, about))


def refuse(owner: Any, micro: int, available: int) -> NoReturn:
    error = InsufficientCredits(from_micro(micro), from_micro(available))
    error.owner = owner
    raise error
