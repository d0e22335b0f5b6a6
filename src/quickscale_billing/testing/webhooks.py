"""Signed deliveries of events over HTTP, and the hand that holds, doubles, loses and shuffles them.

https://docs.stripe.com/webhooks
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from quickscale_billing.testing.rendering import render
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

Sender = Callable[[str, bytes, dict[str, str]], int]

# Stripe retries in a sandbox "three times over the course of a few hours"; the steps between are our reading.
RETRY_AFTER = (timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
TIMEOUT_SECONDS = 20


@dataclass(eq=False)
class Delivery:
    event: str
    endpoint: str
    due: int
    attempts: int = 0
    statuses: list[int] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        return bool(self.statuses) and 200 <= self.statuses[-1] < 300


class Webhooks:
    """Deliveries wait in a queue and go out when a verb of the simulator returns, when a hosted page was paid, or
    when `deliver()` is called; in a simulator that runs by itself, as soon as something is in the queue."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.waiting: list[Delivery] = []
        self.history: list[Delivery] = []
        self.send: Sender = post
        self.is_held = False
        self.is_losing = False
        self.arrived = threading.Event()
        self.delivering = threading.RLock()
        sandbox.listeners.append(self.queue)

    def queue(self, event: Object) -> None:
        if self.is_losing:
            return
        for endpoint in self.sandbox.all("webhook_endpoint", status="enabled"):
            if not {"*", event["type"]}.isdisjoint(endpoint["enabled_events"]):
                self.waiting.append(Delivery(event["id"], endpoint["id"], self.sandbox.clock.seconds))
                event["pending_webhooks"] += 1
        self.arrived.set()

    def hold(self) -> None:
        """Keep everything in the queue until `deliver()`."""
        self.is_held, self.is_losing = True, False

    def deliver(self, events: Iterable[str] | None = None) -> list[Delivery]:
        """Send what waits, in the order of the queue, and let deliveries flow again; with event ids, send these
        alone, whether they wait or not, and leave the rest as it is."""
        if events is not None:
            return self.deliver_again(list(events))
        self.is_held = self.is_losing = False
        return self.send_all(lambda delivery: True)

    def flow(self) -> list[Delivery]:
        """Send what is due, unless it is held."""
        return [] if self.is_held else self.send_all(lambda delivery: delivery.due <= self.sandbox.clock.seconds)

    def duplicate(self) -> None:
        """What waits comes twice; if nothing waits, what was delivered last comes again at once."""
        with self.sandbox.lock:
            again = [Delivery(each.event, each.endpoint, each.due) for each in self.waiting or self.history[-1:]]
            self.waiting += again
        self.flow()

    def drop(self) -> None:
        """Lose what waits; if deliveries are not held, also what comes until `deliver()` or `hold()`."""
        with self.sandbox.lock:
            self.waiting.clear()
            self.is_losing = not self.is_held

    def shuffle(self, seed: int | str) -> None:
        """Bring what waits into another order, always the same for one seed."""
        with self.sandbox.lock:
            random.Random(seed).shuffle(self.waiting)  # noqa: S311  # an order to test with, no secret

    @property
    def pending(self) -> list[Object]:
        """The events that wait, in the order in which they will be delivered."""
        with self.sandbox.lock:
            return [self.sandbox.by_id[each.event] for each in self.waiting if each.event in self.sandbox.by_id]

    def deliver_again(self, events: list[str]) -> list[Delivery]:
        with self.sandbox.lock:
            moved = [each for each in self.waiting if each.event in events]
            self.waiting = [each for each in self.waiting if each not in moved]
            now, known = self.sandbox.clock.seconds, {each.event for each in moved}
            endpoints = self.sandbox.all("webhook_endpoint", status="enabled")
            fresh = [Delivery(name, each["id"], now) for name in events if name not in known for each in endpoints]
        ordered = sorted(moved + fresh, key=lambda each: events.index(each.event))
        with self.delivering:
            return [self.attempt(delivery) for delivery in ordered]

    def send_all(self, chosen: Callable[[Delivery], bool]) -> list[Delivery]:
        """Each waiting delivery once; those that its handling brings about, too."""
        done: list[Delivery] = []
        with self.delivering:
            while delivery := self.take(lambda each: chosen(each) and each not in done):
                done.append(self.attempt(delivery))
        return done

    def take(self, chosen: Callable[[Delivery], bool]) -> Delivery | None:
        with self.sandbox.lock:
            found = next(filter(chosen, self.waiting), None)
            if found:
                self.waiting.remove(found)
            return found

    def attempt(self, delivery: Delivery) -> Delivery:
        """One POST; no lock is held, since the receiver may ask the simulator something meanwhile."""
        with self.sandbox.lock:
            endpoint = self.sandbox.by_id.get(delivery.endpoint)
            if endpoint is None or delivery.event not in self.sandbox.by_id:
                return delivery
            event, address, secret = self.sandbox.by_id[delivery.event], endpoint["url"], endpoint["_secret"]
            body = json.dumps(render(self.sandbox, event), indent=2).encode()
        delivery.statuses.append(self.send(address, body, {"Stripe-Signature": signature(body, secret)}))
        with self.sandbox.lock:
            self.settle(delivery, event)
        return delivery

    def settle(self, delivery: Delivery, event: Object) -> None:
        delivery.attempts += 1
        self.history.append(delivery)
        if delivery.succeeded:
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
        elif delivery.attempts <= len(RETRY_AFTER):
            delay = RETRY_AFTER[delivery.attempts - 1]
            delivery.due = self.sandbox.clock.seconds + int(delay.total_seconds())
            self.waiting.append(delivery)


def post(address: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer; 0 where nobody answered."""
    fixed = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0"}
    request = urllib.request.Request(address, body, {**fixed, **headers}, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def signature(body: bytes, secret: str, *, at: int | None = None) -> str:
    """The Stripe-Signature header. https://docs.stripe.com/webhooks#verify-manually

    Signed with the real time and not the simulator's: the receiver compares it with its own clock."""
    moment = int(time.time()) if at is None else at
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"
