"""Plays a history of random steps on the ledger and on the model beside it: they must answer alike, step by step."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

import time_machine
from django.contrib.auth import get_user_model
from django.db.models import Model

from quickscale_credits import ledger
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.models import CreditAccount, SpendingLimit
from tests.credits import model

VERBS = [
    *("grant", "grant", "grant", "spend", "spend", "hold", "hold", "hold", "capture", "capture", "release"),
    *("wait", "wait", "sweep", "reverse", "reverse", "revoke", "revoke", "transfer", "adjust", "spend_many"),
    *("expire_grant", "freeze", "limit", "repeat", "contradict"),
]
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
WAITS = [MINUTE, 15 * MINUTE, 10 * MINUTE, DAY, 6 * DAY, 20 * DAY]
EXPIRIES = [None, 10 * MINUTE, DAY, 2 * DAY, 7 * DAY, 30 * DAY]
PRIORITIES = [None, None, None, 20, 5]
TYPES = list(model.PRIORITIES)
LONGEST = 50 * 20 * DAY
# Verifying takes longer than all else, and what it would find stays until the end.
VERIFY_EVERY = int(os.environ.get("QUICKSCALE_VERIFY_EVERY", 25))


class Step(NamedTuple):
    """What a number means depends on what there is to pick from when the step is taken."""

    verb: str
    who: int = 0
    pick: int = 0
    amount: int = 0
    how: int = 0


@dataclass
class Call:
    """A request that had a key, and what it gave: to be made again."""

    ask: Callable[[Decimal | None], Any]
    amount: Decimal | None
    answer: Any


class History:
    def __init__(self, start: datetime, names: str) -> None:
        self.clock = model.Clock(start)
        users = get_user_model().objects
        self.owners = [users.create_user(f"{names}-{number}") for number in range(2)]
        self.accounts = [model.Account(self.clock) for _ in self.owners]
        self.rows: dict[object, Model] = {}
        self.calls: list[Call] = []
        self.keys = {kind: count() for kind in ("entry", "hold")}
        self.stale: set[model.Account] = set()
        self.seen: dict[int, Any] = {}

    def play(self, steps: list[Step]) -> None:
        with time_machine.travel(self.clock.now, tick=False) as self.traveller:
            for number, step in enumerate(steps, 1):
                self.take(step)
                self.compare()
                if number % VERIFY_EVERY == 0:
                    self.verify()
            self.take(Step("sweep"))
            self.compare()
            self.verify()

    def take(self, step: Step) -> None:
        self.who = step.who % 2
        self.owner, self.account = self.owners[self.who], self.accounts[self.who]
        self.step = step
        getattr(self, step.verb)()

    # What there is to pick

    def choose(self, options: list[Any]) -> Any:
        return options[self.step.pick % len(options)] if options else None

    def amount(self, most: Decimal) -> Decimal:
        """Mostly a small one; sometimes the most that is right, or a millionth more."""
        if self.step.amount >= 90 and most > 0:
            return most + Decimal("0.000001") * (self.step.amount >= 110)
        return Decimal(self.step.amount % 20 + 1) * Decimal("0.5")

    def part(self, most: Decimal) -> Decimal | None:
        return None if self.step.amount % 3 == 0 else self.amount(most)

    def key(self, kind: str = "entry") -> str | None:
        return f"key-{next(self.keys[kind])}" if self.step.how % 2 else None

    def actor(self) -> Any:
        return self.owners[self.step.pick % 2]

    # Steps

    def wait(self) -> None:
        self.clock.now += WAITS[self.step.how % len(WAITS)]
        self.traveller.move_to(self.clock.now)
        self.stale |= {account for account in self.accounts if account.play_what_is_due()}

    def sweep(self) -> None:
        ledger.expire()
        self.stale.clear()

    def grant(self) -> None:
        lasts = EXPIRIES[self.step.how % len(EXPIRIES)]
        details: dict[str, Any] = {
            "credit_type": self.choose(TYPES),
            "priority": PRIORITIES[(self.step.pick // len(TYPES)) % len(PRIORITIES)],
        }
        expires_at = lasts and self.clock.now + lasts
        amount, key, owner = Decimal(self.step.amount % 20 + 1) * 3, self.key(), self.owner
        given = self.account.grant(amount, expires_at=expires_at, **details)
        entry = ledger.grant(owner, amount, expires_at=expires_at, idempotency_key=key, **details)
        self.rows[given] = entry.grant
        self.remember(key, lambda amount: ledger.grant(owner, amount, idempotency_key=key, **details), amount, entry)

    def spend(self) -> None:
        amount, key, owner, actor = self.amount(self.account.available), self.key(), self.owner, self.actor()
        self.keyed(
            key,
            lambda: self.account.spend(amount, actor=actor),
            lambda amount: ledger.spend(owner, amount, reason="test", actor=actor, idempotency_key=key),
            amount,
        )

    def hold(self) -> None:
        amount, key, owner, actor = self.amount(self.account.available), self.key("hold"), self.owner, self.actor()
        lasts = [None, MINUTE, 2 * DAY][self.step.how % 3]
        details = {"expires_in": lasts, "actor": actor}
        self.keyed(
            key,
            lambda: self.account.hold(amount, **details),
            lambda amount: ledger.hold(owner, amount, reason="test", idempotency_key=key, **details),
            amount,
        )

    def capture(self) -> None:
        if hold := self.choose([hold for hold in self.holds_to_end() if not hold.is_freeze]):
            amount = Decimal(0) if self.step.amount == 4 and hold.status == "open" else self.part(hold.amount)
            row = self.rows[hold]
            self.alike(lambda: self.account.capture(hold, amount), lambda: ledger.capture(row, amount))

    def release(self) -> None:
        if hold := self.choose(self.holds_to_end()):
            row = self.rows[hold]
            self.alike(lambda: self.account.release(hold), lambda: ledger.release(row) and None)

    def reverse(self) -> None:
        if entry := self.choose([entry for entry in self.account.entries if entry in self.rows]):
            amount, key, row = self.part(entry.left), self.key(), self.rows[entry]
            self.keyed(
                key,
                lambda: self.account.reverse(entry, amount),
                lambda amount: ledger.reverse(row, amount, reason="test", idempotency_key=key),
                amount,
            )

    def revoke(self) -> None:
        if grant := self.choose(self.known_grants()):
            amount, key, row = self.part(grant.amount - grant.revoked), self.key(), self.rows[grant]
            debt = {"allow_debt": self.step.how % 3 != 0}
            self.keyed(
                key,
                lambda: self.account.revoke(grant, amount, **debt),
                lambda amount: ledger.revoke(row, amount, reason="test", idempotency_key=key, **debt),
                amount,
            )

    def expire_grant(self) -> None:
        if grant := self.choose(self.known_grants()):
            amount, key, row = self.part(grant.free), self.key(), self.rows[grant]
            self.keyed(
                key,
                lambda: self.account.expire_grant(grant, amount),
                lambda amount: ledger.expire_grant(row, amount, reason="test", idempotency_key=key),
                amount,
            )

    def freeze(self) -> None:
        if grant := self.choose(self.known_grants()):
            row = self.rows[grant]
            self.alike(lambda: self.account.freeze(grant), lambda: ledger.freeze(row, reason="dispute"))

    def adjust(self) -> None:
        sign = -1 if self.step.how % 3 else 1
        amount, key, owner = sign * self.amount(self.account.available), self.key(), self.owner
        kind = self.choose(TYPES)
        self.keyed(
            key,
            lambda: self.account.adjust(amount, kind),
            lambda amount: ledger.adjust(owner, amount, reason="test", credit_type=kind, idempotency_key=key),
            amount,
        )

    def transfer(self) -> None:
        other = self.who if self.step.how == 0 else 1 - self.who
        amount, key, owner = self.amount(self.account.available), self.key(), self.owner
        self.keyed(
            key,
            lambda: self.account.transfer(self.accounts[other], amount),
            lambda amount: ledger.transfer(owner, self.owners[other], amount, reason="test", idempotency_key=key),
            amount,
        )

    def spend_many(self) -> None:
        plan = [(self.who, self.amount(self.account.available)), (1 - self.who, Decimal(1)), (self.who, Decimal("0.5"))]
        plan = plan[: 1 + self.step.how % 3]
        actor = self.actor()
        charges = [ledger.Charge(self.owners[who], amount, "test", actor=actor) for who, amount in plan]
        self.alike(lambda: self.spent_by_model(plan, actor), lambda: ledger.spend_many(charges))

    def spent_by_model(self, plan: list[tuple[int, Decimal]], actor: Any) -> list[model.Entry]:
        before: dict[int, list[tuple[Decimal, Any]]] = {0: [], 1: []}
        for who, amount in plan:
            self.accounts[who].require(amount, actor, before=before[who])
            before[who].append((amount, actor))
        return [self.accounts[who].spend(amount, actor=actor) for who, amount in plan]

    def limit(self) -> None:
        row = CreditAccount.objects.for_owner(self.owner).first()
        if row and len(self.account.limits) < 2:
            amount, member = self.account.spent() + 30, [None, self.actor()][self.step.how % 2]
            self.account.limits.append(model.Limit(amount=amount, member=member))
            SpendingLimit.objects.create(account=row, amount=amount, member=member, period="total")

    def repeat(self) -> None:
        """A retry changes nothing, whatever has happened since."""
        if call := self.choose(self.calls):
            assert identity(call.ask(call.amount)) == call.answer

    def contradict(self) -> None:
        if call := self.choose(self.calls):
            other = Decimal("1.5") if call.amount != Decimal("1.5") else Decimal(1)
            assert type(outcome(lambda: call.ask(other))).__name__ == "IdempotencyConflict"

    # Both sides

    def keyed(
        self, key: str | None, ours: Any, theirs: Callable[[Decimal | None], Any], amount: Decimal | None
    ) -> None:
        answer = self.alike(ours, lambda: theirs(amount))
        if answer is not None:
            self.remember(key, theirs, amount, answer)

    def remember(
        self, key: str | None, ask: Callable[[Decimal | None], Any], amount: Decimal | None, answer: Any
    ) -> None:
        if key:
            self.calls.append(Call(ask, amount, identity(answer)))

    def alike(self, ours: Callable[[], Any], theirs: Callable[[], Any]) -> Any:
        """What the ledger answers, or None for a refusal; the model must answer alike."""
        expected, found = outcome(ours), outcome(theirs)
        if isinstance(expected, model.Refused):
            assert type(found).__name__ in expected.names, f"expected {expected!r}, found {found!r}"
            return None
        if isinstance(found, Exception):
            raise found
        self.pair(expected, found)
        return found

    def pair(self, expected: Any, found: Any) -> None:
        """Which row of the database stands for which thing of the model."""
        if isinstance(expected, list) and isinstance(found, tuple):
            expected, found = expected, list(found[1].grants.order_by("id"))
            assert amounts(expected) == amounts(found)
        if isinstance(expected, list):
            self.rows.update(zip(expected, found, strict=True))
        elif isinstance(expected, model.Grant):
            self.rows[expected] = found.grant
        elif expected is not None:
            assert found is not None
            self.rows[expected] = found

    def holds_to_end(self) -> list[model.Hold]:
        """Mostly an open one."""
        open_holds = [hold for hold in self.account.holds if hold.status == "open"]
        return open_holds if self.step.how % 4 else self.account.holds

    def known_grants(self) -> list[model.Grant]:
        return [grant for grant in self.account.grants if grant in self.rows]

    # Comparing

    def compare(self) -> None:
        """After every step that wrote to the account, or let time pass."""
        rows = {row.owner_id: row for row in CreditAccount.objects.filter(owner__in=self.owners)}
        for owner, account in zip(self.owners, self.accounts, strict=True):
            row = rows.get(owner.pk)
            seen = (self.clock.now, account in self.stale, row and vars(row) | {"_state": None})
            if seen != self.seen.get(owner.pk):
                self.seen[owner.pk] = seen
                self.compare_balance(owner, account)
                if row and account not in self.stale:
                    self.compare_rows(row, account)

    def compare_balance(self, owner: Any, account: model.Account) -> None:
        found = ledger.balance(owner)
        assert (found.total, found.held, found.available) == (account.total, account.held, account.available)
        assert found.by_type == account.by_type

    def compare_rows(self, row: CreditAccount, account: model.Account) -> None:
        assert row.debt == account.debt
        rows = list(row.grants.order_by("id"))
        found, expected = Counter(), Counter()
        for grant in account.grants:
            expected[grant.credit_type, grant.priority, grant.expires_at] += grant.free
        for grant in rows:
            found[grant.credit_type, grant.priority, grant.expires_at or model.NEVER] += grant.remaining
        assert +found == +expected
        assert [grant.remaining for grant in rows] == [grant.free for grant in account.grants]

    def verify(self) -> None:
        report = ledger.verify(CreditAccount.objects.filter(owner__in=self.owners))
        assert report.ok, "\n".join(map(str, report.problems))


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (model.Refused, CreditsError, ValueError) as refusal:
        return refusal


def amounts(grants: list[Any]) -> Counter[tuple[Any, ...]]:
    counted: Counter[tuple[Any, ...]] = Counter()
    for grant in grants:
        counted[grant.credit_type, grant.priority, grant.expires_at or model.NEVER] += grant.amount
    return counted


def identity(answer: Any) -> Any:
    return [row.pk for row in answer] if isinstance(answer, tuple) else answer.pk
