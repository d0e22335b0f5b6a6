"""What the ledger should say, written from the contract alone: lists that are walked and summed, no database.

It shares no code with the ledger. Time is told to it: `advance` plays what falls due, one event after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

PRIORITIES = {"subscription": 10, "promotional": 20, "pay_as_you_go": 30}
NEVER = datetime.max.replace(tzinfo=UTC)
HOLD_TIMEOUT = timedelta(minutes=15)
REVERSAL_GRACE = timedelta(days=7)
NOTHING = Decimal(0)


class Refused(Exception):
    """The ledger should raise the exception of this name, or one of these, and write nothing."""

    def __init__(self, *names: str) -> None:
        super().__init__(*names)
        self.names = set(names)


@dataclass(eq=False, kw_only=True)
class Grant:
    number: int
    credit_type: str
    priority: int
    expires_at: datetime
    amount: Decimal
    free: Decimal
    revoked: Decimal = NOTHING
    expired: Decimal = NOTHING

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at <= at

    @property
    def order(self) -> tuple[int, datetime, int]:
        return self.priority, self.expires_at, self.number


@dataclass(eq=False)
class Part:
    grant: Grant
    amount: Decimal


@dataclass(eq=False, kw_only=True)
class Entry:
    kind: str
    amount: Decimal
    parts: list[Part] = field(default_factory=list)
    left: Decimal = NOTHING
    """What of a spend or a revocation can still be reversed."""
    actor: object = None


@dataclass(eq=False, kw_only=True)
class Hold:
    parts: list[Part]
    size: Decimal
    """What it held at first; `amount` is what it holds now."""
    expires_at: datetime
    is_freeze: bool = False
    status: str = "open"
    captured: Entry | None = None
    actor: object = None

    @property
    def amount(self) -> Decimal:
        return sum((part.amount for part in self.parts), NOTHING)


@dataclass(eq=False, kw_only=True)
class Limit:
    amount: Decimal
    member: object = None


class Account:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.grants: list[Grant] = []
        self.holds: list[Hold] = []
        self.entries: list[Entry] = []
        self.limits: list[Limit] = []
        self.debt = NOTHING

    # Reading

    @property
    def free(self) -> Decimal:
        return sum((grant.free for grant in self.grants), NOTHING)

    @property
    def held(self) -> Decimal:
        return sum((hold.amount for hold in self.holds if hold.status == "open"), NOTHING)

    @property
    def total(self) -> Decimal:
        return self.free + self.held - self.debt

    @property
    def available(self) -> Decimal:
        return self.total - self.held

    @property
    def by_type(self) -> dict[str, Decimal]:
        return {
            credit_type: sum((g.free for g in self.grants if g.credit_type == credit_type), NOTHING)
            for credit_type in PRIORITIES
        }

    def frozen(self, grant: Grant) -> list[Part]:
        freezes = [hold for hold in self.holds if hold.is_freeze and hold.status == "open"]
        return [part for hold in freezes for part in hold.parts if part.grant is grant]

    def spent(self, member: object = None) -> Decimal:
        """What counts against a limit: of everybody, or of one member."""
        booked = [(entry.left, entry.actor) for entry in self.entries if entry.kind == "spend"]
        open_holds = [(h.amount, h.actor) for h in self.holds if h.status == "open" and not h.is_freeze]
        return sum((amount for amount, actor in booked + open_holds if member in (None, actor)), NOTHING)

    def require(
        self,
        amount: Decimal,
        actor: object,
        *,
        limited: bool = True,
        before: Sequence[tuple[Decimal, object]] = (),
    ) -> None:
        """Raise if this could not be spent or held, after the spends `before` it."""
        earlier = sum((each for each, _ in before), NOTHING)
        wrong = {"InsufficientCredits"} if amount + earlier > self.available else set()
        for limit in self.limits if limited else []:
            spent = sum((each for each, by in before if limit.member in (None, by)), self.spent(limit.member))
            if limit.member in (None, actor) and spent + amount > limit.amount:
                wrong.add("SpendingLimitExceeded")
        if wrong:
            raise Refused(*wrong)

    # Verbs

    def grant(
        self,
        amount: Decimal,
        *,
        credit_type: str = "pay_as_you_go",
        priority: int | None = None,
        expires_at: datetime | None = None,
        kind: str = "grant",
    ) -> Grant:
        priority = PRIORITIES[credit_type] if priority is None else priority
        grant = self._new_grant(amount, credit_type, priority, expires_at or NEVER)
        self._book(kind, amount)
        self._pay_debt()
        return grant

    def spend(self, amount: Decimal, *, actor: object = None, kind: str = "spend") -> Entry:
        self.require(amount, actor, limited=kind == "spend")
        return self._book(kind, -amount, parts=self._take(amount), left=amount, actor=actor)

    def hold(self, amount: Decimal, *, expires_in: timedelta | None = None, actor: object = None) -> Hold:
        self.require(amount, actor)
        ends = self.clock.now + (expires_in or HOLD_TIMEOUT)
        self.holds.append(Hold(parts=self._take(amount), size=amount, expires_at=ends, actor=actor))
        return self.holds[-1]

    def capture(self, hold: Hold, amount: Decimal | None = None) -> Entry | None:
        amount = hold.size if amount is None else amount
        if hold.captured and amount == -hold.captured.amount:
            return hold.captured
        if hold.status != "open":
            raise Refused("HoldClosed")
        if amount > hold.amount:
            raise Refused("CaptureExceedsHold")
        if amount == 0:
            self.release(hold)
            return None
        used, rest = split(sorted(hold.parts, key=lambda part: part.grant.order), amount)
        hold.status, hold.parts = "captured", []
        hold.captured = self._book("spend", -amount, parts=used, left=amount, actor=hold.actor)
        self._give_back(rest)
        return hold.captured

    def release(self, hold: Hold) -> None:
        if hold.status == "captured":
            raise Refused("HoldClosed")
        if hold.status == "open":
            hold.status = "released"
            self._give_back(hold.parts)

    def freeze(self, grant: Grant) -> Hold:
        part = Part(grant, grant.free)
        self.holds.append(Hold(parts=[part], size=grant.free, expires_at=NEVER, is_freeze=True))
        grant.free = NOTHING
        return self.holds[-1]

    def reverse(self, entry: Entry, amount: Decimal | None = None) -> None:
        amount = entry.left if amount is None else amount
        if entry.kind not in ("spend", "revocation") or not 0 < amount <= entry.left:
            raise Refused("NotReversible")
        entry.left -= amount
        self._book("reversal", amount)
        back, entry.parts = split(entry.parts[::-1], amount)
        entry.parts.reverse()
        for part in back if entry.kind == "revocation" else []:
            part.grant.revoked -= part.amount
        self._give_back([self._part_that_lasts(part) for part in back])

    def revoke(self, grant: Grant, amount: Decimal | None = None, *, allow_debt: bool = True) -> Entry | None:
        if amount is not None and amount > grant.amount - grant.revoked:
            raise Refused("InvalidAmount")
        frozen = self.frozen(grant)
        used = grant.amount - grant.revoked - grant.expired - grant.free - sum(p.amount for p in frozen)
        wanted = grant.amount - grant.revoked if amount is None else amount
        taken = NOTHING
        for part in frozen:
            piece = min(part.amount, wanted - taken)
            part.amount -= piece
            taken += piece
        piece = min(grant.free, wanted - taken)
        grant.free -= piece
        taken += piece
        owed = max(NOTHING, min(used, wanted - taken)) if allow_debt else NOTHING
        if taken + owed == 0:
            return None
        grant.revoked += taken + owed
        self.debt += owed
        entry = self._book("revocation", -(taken + owed), parts=[Part(grant, taken + owed)], left=taken + owed)
        self._pay_debt()
        return entry

    def expire_grant(self, grant: Grant, amount: Decimal | None = None) -> None:
        amount = grant.free if amount is None else amount
        if amount > grant.free:
            raise Refused("InvalidAmount")
        self._expire(grant, amount)

    def adjust(self, amount: Decimal, credit_type: str = "promotional") -> Grant | Entry:
        if amount > 0:
            return self.grant(amount, credit_type=credit_type, kind="adjustment")
        return self.spend(-amount, kind="adjustment")

    def transfer(self, target: Account, amount: Decimal) -> list[Grant]:
        if target is self:
            raise Refused("ValueError")
        parts = self.spend(amount, kind="transfer_out").parts
        target._book("transfer_in", amount)
        arrived = [
            target._new_grant(part.amount, part.grant.credit_type, part.grant.priority, part.grant.expires_at)
            for part in parts
        ]
        target._pay_debt()
        return arrived

    # Time

    def due(self) -> Iterator[tuple[datetime, int, Grant | Hold]]:
        """What ends up to now: at one instant grants before holds, so that expiry wins."""
        yield from ((g.expires_at, 0, g) for g in self.grants if g.free and g.expires_at <= self.clock.now)
        yield from ((h.expires_at, 1, h) for h in self.holds if h.status == "open" and h.expires_at <= self.clock.now)

    def play_what_is_due(self) -> bool:
        """Whether there was something."""
        played = False
        while events := sorted(self.due(), key=lambda event: event[:2]):
            played = True
            at, _, ended = events[0]
            if isinstance(ended, Grant):
                self._expire(ended, ended.free)
            else:
                ended.status = "expired"
                self._give_back(ended.parts, at)
        return played

    # Steps of the verbs

    def _new_grant(self, amount: Decimal, credit_type: str, priority: int, expires_at: datetime) -> Grant:
        grant = Grant(
            number=next(self.clock.numbers),
            credit_type=credit_type,
            priority=priority,
            expires_at=expires_at,
            amount=amount,
            free=amount,
        )
        self.grants.append(grant)
        return grant

    def _book(self, kind: str, amount: Decimal, **details: object) -> Entry:
        self.entries.append(Entry(kind=kind, amount=amount, **details))
        return self.entries[-1]

    def _take(self, amount: Decimal) -> list[Part]:
        taken = []
        for grant in sorted(self.grants, key=lambda grant: grant.order):
            if piece := min(grant.free, amount):
                grant.free -= piece
                amount -= piece
                taken.append(Part(grant, piece))
        return taken

    def _give_back(self, parts: list[Part], at: datetime | None = None) -> None:
        for part in parts:
            if part.grant.has_expired(at or self.clock.now):
                part.grant.free += part.amount
                self._expire(part.grant, part.amount)
            else:
                self._put_back(part.grant, part.amount)
        self._pay_debt()

    def _put_back(self, grant: Grant, amount: Decimal) -> None:
        """As much as the grant has room for; the rest is a grant beside it, which pays debt before any other does."""
        fits = min(amount, grant.amount - grant.free - self._held_of(grant))
        grant.free += fits
        if amount > fits:
            beside = self._new_grant(amount - fits, grant.credit_type, grant.priority, grant.expires_at)
            payment = min(self.debt, beside.free)
            beside.free -= payment
            self.debt -= payment

    def _held_of(self, grant: Grant) -> Decimal:
        parts = [part for hold in self.holds if hold.status == "open" for part in hold.parts]
        return sum((part.amount for part in parts if part.grant is grant), NOTHING)

    def _part_that_lasts(self, part: Part) -> Part:
        old = part.grant
        if not old.has_expired(self.clock.now):
            return part
        grant = self._new_grant(part.amount, old.credit_type, old.priority, self.clock.now + REVERSAL_GRACE)
        grant.free = NOTHING
        return Part(grant, part.amount)

    def _expire(self, grant: Grant, amount: Decimal) -> None:
        if amount:
            grant.free -= amount
            grant.expired += amount
            self._book("expiry", -amount)

    def _pay_debt(self) -> None:
        payment = min(self.debt, self.free)
        self.debt -= payment
        self._take(payment)


class Clock:
    """The time that all accounts of one history share."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.numbers = count()


def split(parts: list[Part], amount: Decimal) -> tuple[list[Part], list[Part]]:
    """The first `amount` of these parts, and the rest."""
    first, rest = [], []
    for part in parts:
        piece = min(part.amount, amount)
        amount -= piece
        first += [Part(part.grant, piece)] if piece else []
        rest += [Part(part.grant, part.amount - piece)] if part.amount > piece else []
    return first, rest
