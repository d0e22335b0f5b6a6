"""Whatever the order, number and loss of events: the same rows and the same ledger.

A scenario is played once at the simulator, with its webhooks held. Its events are then delivered in many orders, some
twice and some not at all, each time from the same beginning; what they speak of is retrieved over HTTP each time.
"""

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import TestCase
from djstripe.models import Event

from quickscale_billing import checkout, facts, refilling, subscriptions
from quickscale_billing.customers import customer_of
from quickscale_billing.exceptions import PaymentActionRequired
from quickscale_billing.models import Fact, PaidSegment, PlanSubscription, Purchase, Refill
from quickscale_billing.stripe import webhooks
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import assert_ledger_sound
from tests.billing.time import Calendar
from tests.billing.transactions import rolled_back
from tests.billing.webhooks import connect

ORDERS = int(os.environ.get("QUICKSCALE_ORDERS", 12 if connection.vendor == "sqlite" else 2))  # of each scenario
MOST_EVENTS = 5
HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=31)
ROWS = {
    Fact: ["key", "kind", "note", "stripe_id", "entry__amount", "refill__starts_at"],
    Purchase: ["stripe_line_id", "quantity", "amount", "credits", "entry__amount"],
    PaidSegment: ["stripe_line_id", "plan", "starts_at", "ends_at", "closed_at", "is_credited_back", "next_refill_at"],
    Refill: ["starts_at", "ends_at", "credits", "state"],
    PlanSubscription: ["stripe_id", "status", "price", "next_price", "pending_price", "current_period_end", "ended_at"],
    LedgerEntry: ["sequence", "kind", "amount", "reason", "reference", "balance_after"],
}


@dataclass
class Play:
    """What happens at Stripe in a scenario, our own verbs included."""

    calendar: Calendar
    buyer: Any

    def buy(self, item: str, **options: Any) -> None:
        session = checkout.start(self.buyer, item, **options)
        self.calendar.simulator.pay(session)
        facts.settle_session(str(session.stripe_id))

    def wait(self, time: timedelta) -> None:
        self.calendar.shift(time)
        if subscription := PlanSubscription.objects.first():
            facts.settle_subscription(subscription.stripe_id)

    def change(self, plan: str, interval: str = "month") -> None:
        with suppress(PaymentActionRequired):
            subscriptions.change_plan(self.buyer, plan, interval=interval)

    def cancel(self, *, at_period_end: bool = True) -> None:
        subscriptions.cancel(self.buyer, at_period_end=at_period_end)

    def resume(self) -> None:
        subscriptions.resume(self.buyer)

    def decline(self) -> None:
        self.calendar.simulator.decline_next(PlanSubscription.objects.get().stripe_customer_id)


SCENARIOS: dict[str, list[tuple[str, *tuple[Any, ...]]]] = {
    "a pack": [("buy", "large")],
    "two packs": [("buy", "large"), ("buy", "small")],
    "subscribe": [("buy", "pro")],
    "subscribe by the year": [("buy", "basic", {"interval": "year"})],
    "a pack and a subscription": [("buy", "small"), ("buy", "pro")],
    "a trial": [("buy", "studio")],
    "a trial that is paid": [("buy", "studio"), ("wait", 7 * DAY + 2 * HOUR)],
    "a trial that is canceled": [("buy", "studio"), ("cancel",)],
    "another plan in a trial": [("buy", "studio"), ("change", "pro")],
    "renew": [("buy", "pro"), ("wait", MONTH + 2 * HOUR)],
    "renew twice": [("buy", "basic"), ("wait", MONTH + 2 * HOUR), ("wait", MONTH)],
    "refill in a year": [("buy", "basic", {"interval": "year"}), ("wait", MONTH)],
    "upgrade": [("buy", "basic"), ("wait", 10 * DAY), ("change", "pro")],
    "upgrade at once": [("buy", "basic"), ("change", "pro")],
    "an upgrade that declines": [("buy", "basic"), ("wait", DAY), ("decline",), ("change", "pro")],
    "upgrade and renew": [("buy", "basic"), ("wait", 10 * DAY), ("change", "pro"), ("wait", 22 * DAY)],
    "month to year": [("buy", "pro"), ("wait", DAY), ("change", "pro", "year")],
    "month to year at once": [("buy", "pro"), ("change", "pro", "year")],
    "a downgrade to come": [("buy", "pro"), ("change", "basic")],
    "a downgrade that came": [("buy", "pro"), ("change", "basic"), ("wait", MONTH + 2 * HOUR)],
    "down and up again": [("buy", "basic"), ("wait", DAY), ("change", "pro"), ("change", "basic"), ("change", "pro")],
    "cancel": [("buy", "pro"), ("cancel",)],
    "cancel and resume": [("buy", "pro"), ("cancel",), ("resume",)],
    "the end": [("buy", "pro"), ("cancel",), ("wait", MONTH + 2 * HOUR)],
    "cancel now": [("buy", "pro"), ("cancel", {"at_period_end": False})],
    "a renewal that declines": [("buy", "basic"), ("decline",), ("wait", MONTH + 2 * HOUR)],
    "a renewal that recovers": [("buy", "basic"), ("decline",), ("wait", MONTH + 2 * HOUR), ("wait", 9 * DAY)],
}


@pytest.fixture
def play(clock: Any, shop: Any, db: None) -> Play:
    buyer = get_user_model().objects.create_user("ada", email="ada@example.com")
    customer_of(buyer)
    connect(shop)
    shop.webhooks.hold()
    return Play(Calendar(clock, shop), buyer)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_order_number_and_loss_of_events_make_no_difference(scenario: str, play: Play) -> None:
    events = played(play, SCENARIOS[scenario])
    expected = outcome_of(events)
    assert expected[Fact]
    for order in orders(events, seed=scenario):
        assert outcome_of(order) == expected, [(event["type"], event["data"]["object"]["id"]) for event in order]


def played(play: Play, steps: list[Any]) -> list[dict[str, Any]]:
    """The events of the scenario. What our own verbs have booked on the way is rolled back: nothing was heard yet."""
    with rolled_back():
        for verb, *arguments in steps:
            options = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
            getattr(play, verb)(*arguments, **options)
    return [event for event in play.calendar.simulator.webhooks.pending if event["type"] in webhooks.EVENTS]


def orders(events: list[dict[str, Any]], *, seed: str) -> Iterator[list[dict[str, Any]]]:
    """Up to five of them, some twice, some lost, in any order; of each thing that was sold, one is heard of."""
    chance = random.Random(seed)
    for _ in range(ORDERS):
        heard = [chance.choice([event for event in events if root_of(event) == root]) for root in roots(events)]
        others = [event for event in events if event not in heard]
        heard += chance.sample(others, k=min(len(others), chance.randint(0, MOST_EVENTS - len(heard))))
        heard += chance.sample(heard, k=chance.randint(0, 2) if len(heard) > 1 else 1)
        chance.shuffle(heard)
        yield heard


def roots(events: list[dict[str, Any]]) -> list[str]:
    return sorted({root_of(event) for event in events})


def root_of(event: dict[str, Any]) -> str:
    """What was sold: the subscription that the event is about, else the session."""
    told = event["data"]["object"]
    details = (told.get("parent") or {}).get("subscription_details") or {}
    subscription = told.get("subscription") or told.get("released_subscription") or details.get("subscription")
    return subscription or told["id"]


def outcome_of(events: list[dict[str, Any]]) -> dict[type, list[Any]]:
    with rolled_back():
        for event in events:
            with TestCase.captureOnCommitCallbacks(execute=True):
                webhooks.note(Event, SimpleNamespace(**event))
        refilling.sweep()
        assert_ledger_sound()
        return {model: rows_of(model, columns, alone=len(roots(events)) == 1) for model, columns in ROWS.items()}


def rows_of(model: Any, columns: list[str], *, alone: bool) -> list[Any]:
    """Of two sales that have nothing to do with each other, either may be booked first."""
    kept = columns if alone else [each for each in columns if each not in {"sequence", "balance_after"}]
    return sorted(model.objects.values_list(*kept), key=repr)
