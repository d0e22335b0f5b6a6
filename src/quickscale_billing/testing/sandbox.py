"""All that one simulated Stripe account holds, and the only way its objects come to be and change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from quickscale_billing.testing.clock import Clock, Target
from quickscale_billing.testing.errors import missing
from quickscale_billing.testing.ids import Identifiers
from quickscale_billing.testing.rendering import render
from quickscale_billing.testing.store import Object, Store

API_VERSION = "2026-05-27.dahlia"

Reaction = Callable[["Sandbox", Object], None]
Due = tuple[int, Callable[[], object]]


@dataclass
class Request:
    """The request that is being answered; what happens by the clock has none."""

    id: str | None = None
    idempotency_key: str | None = None


@dataclass
class Conduct:
    """How the account is set, and what the test has asked to go wrong."""

    declines: dict[str | None, list[str]] = field(default_factory=dict)  # customer, or None for anybody: decline codes
    taxes: dict[str, Decimal] = field(default_factory=dict)  # of automatic tax, in percent
    # https://docs.stripe.com/billing/revenue-recovery/smart-retries: "canceled", "unpaid" or "past_due"
    after_last_retry: str = "canceled"


class Sandbox:
    """Every reading and writing happens under `lock`; deliveries of webhooks do not."""

    def __init__(
        self,
        *,
        seed: str,
        start: datetime | None,
        reactions: Mapping[str, Sequence[Reaction]],
        agenda: Sequence[Callable[[Sandbox], Iterable[Due]]],
    ) -> None:
        self.lock = threading.RLock()
        self.clock = Clock(self.run_until, start)
        self.ids = Identifiers(seed)
        self.reactions = reactions
        self.agenda = agenda
        self.store = Store()
        self.request = Request()
        self.conduct = Conduct()
        self.made: list[str] = []
        self.being_changed: set[str] = set()
        self.address = ""
        self.test_clock: Object | None = None
        self.listeners: list[Callable[[Object], None]] = []
        self.after_moving: list[Callable[[], object]] = []

    @property
    def now(self) -> int:
        """The time of the test clock at hand, else of the simulator's own clock."""
        return int(self.test_clock["frozen_time"]) if self.test_clock else self.clock.seconds

    @property
    def kinds(self) -> dict[str, dict[str, Object]]:
        return self.store.kinds

    @property
    def by_id(self) -> dict[str, Object]:
        return self.store.by_id

    def create(self, noun: str, prefix: str, *, id_length: int = 24, **fields: Any) -> Object:
        identifier = fields.pop("id", None) or self.ids.make(prefix, length=id_length)
        created = {"id": identifier, "object": noun, "created": self.now, "livemode": False, **fields}
        self.store.put(created)
        self.made.append(identifier)
        return created

    def forget_since(self, count: int) -> None:
        """What was made after the first `count` objects."""
        for identifier in self.made[count:]:
            if made := self.by_id.get(identifier):
                self.store.remove(made)
        del self.made[count:]

    def all(self, noun: str, **members: Any) -> list[Object]:
        """The objects of a kind, oldest first, whose members have these values."""
        return self.store.all(noun, **members)

    def get(self, noun: str, identifier: str, *, param: str = "id") -> Object:
        found = self.kinds.get(noun, {}).get(identifier)
        if found is None or (found.get("deleted") and param != "id"):
            raise missing(noun.rpartition(".")[2], identifier, param=param)
        return found

    def remove(self, removed: Object) -> None:
        self.store.remove(removed)

    @contextmanager
    def changing(self, changed: Object, event: str) -> Iterator[Object]:
        """Send the event with what was there before, if anything is different afterwards; inside another change of the
        same object, leave that to the outer one."""
        if changed["id"] in self.being_changed:
            yield changed
            return
        before = render(self, changed)
        self.being_changed.add(changed["id"])
        try:
            yield changed
        finally:
            self.being_changed.remove(changed["id"])
        self.emit_difference(event, changed, before)

    def emit_difference(self, event: str, changed: Object, before: Object) -> None:
        after = render(self, changed)
        previous = {name: value for name, value in before.items() if after.get(name) != value}
        previous |= {name: None for name in after if name not in before}
        if previous:
            self.emit(event, changed, previous=previous)

    def emit(self, kind: str, subject: Object, *, previous: Object | None = None) -> Object:
        """Record the event with the object as it is now, then let the simulator itself react to it."""
        data = {"object": render(self, subject)} | ({} if previous is None else {"previous_attributes": previous})
        request = {"id": self.request.id, "idempotency_key": self.request.idempotency_key}
        event = self.create(
            "event", "evt", type=kind, api_version=API_VERSION, data=data, request=request, pending_webhooks=0
        )
        for listener in self.listeners:
            listener(event)
        for reaction in self.reactions.get(kind, ()):
            reaction(self, subject)
        return event

    @contextmanager
    def on_clock_of(self, customer: str | None) -> Iterator[None]:
        """https://docs.stripe.com/billing/testing/test-clocks: what belongs to a customer on a test clock lives in
        the clock's time."""
        before, owner = self.test_clock, self.kinds.get("customer", {}).get(customer or "")
        name = owner.get("test_clock") if owner else None
        self.test_clock = self.by_id.get(name) if name else before
        try:
            yield
        finally:
            self.test_clock = before

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """What is done inside leaves no trace."""
        real = self.store, self.ids.count, self.listeners, self.conduct, self.test_clock
        made = len(self.made)
        self.store, self.conduct = self.store.copy(), deepcopy(self.conduct)
        self.listeners = []
        self.test_clock = self.by_id[self.test_clock["id"]] if self.test_clock else None
        try:
            yield
        finally:
            self.store, self.ids.count, self.listeners, self.conduct, self.test_clock = real
            del self.made[made:]

    def run_until(self, target: Target) -> None:
        """Move the simulator's own clock to what `target` makes of its time, doing what falls due on the way."""
        with self.lock:
            moment = target(self.clock.seconds)
            if moment < self.clock.seconds:
                asked = datetime.fromtimestamp(moment, UTC)
                raise ValueError(f"the simulator's clock only goes forward: it is {self.clock.now}, asked for {asked}")
            while (due := self.next_due()) and due[0] <= moment:
                self.clock.seconds = max(self.clock.seconds, due[0])
                due[1]()
            self.clock.seconds = moment
        for follow_up in self.after_moving:
            follow_up()

    def run_test_clock_until(self, test_clock: Object, moment: int) -> None:
        self.test_clock = test_clock
        try:
            while (due := self.next_due()) and due[0] <= moment:
                test_clock["frozen_time"] = max(test_clock["frozen_time"], due[0])
                due[1]()
            test_clock["frozen_time"] = moment
        finally:
            self.test_clock = None

    def next_due(self) -> Due | None:
        """The soonest thing that the clock at hand brings."""
        everything = (due for family in self.agenda for due in family(self))
        return min(everything, key=lambda due: due[0], default=None)

    def is_on_clock(self, owned: Object) -> bool:
        """Whether the object's customer lives in the time of the clock at hand."""
        customer = self.by_id.get(owned.get("customer") or "")
        name = customer.get("test_clock") if customer else None
        return name == (self.test_clock["id"] if self.test_clock else None)
