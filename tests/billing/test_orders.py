"""Whatever the order, number and loss of events: the same rows and the same ledger.

A scenario is played once at the simulator, over HTTP, with its webhooks held. Then its events are delivered from one
beginning in all orders. That is not done one order after the other: the test looks for every state of the database to
which any of them leads. In each state each event is delivered, and the sweep runs; a state that was there before is not
gone on from again. So it has to do with orders of any length, in which an event comes as often as one likes, or never;
those of five events are among them. With `QUICKSCALE_FULL_SCALE=1` these are delivered one by one, too.
"""

import os
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import TestCase
from djstripe.models import Event
from stripe import RequestsClient

from quickscale_billing import refilling
from quickscale_billing.customers import customer_of
from quickscale_billing.models import Fact, InboxItem
from quickscale_billing.stripe import webhooks
from quickscale_credits.testing import assert_ledger_sound
from tests.billing.scenarios import SCENARIOS, Play, StripeEvent, root_of, roots, rows
from tests.billing.time import Calendar
from tests.billing.transactions import rolled_back
from tests.billing.webhooks import connect

FULL_SCALE = os.environ.get("QUICKSCALE_FULL_SCALE") == "1"
MOST_EVENTS = 5 if FULL_SCALE else 3
ONE_BY_ONE = list(SCENARIOS)[:: 1 if FULL_SCALE else 9]
SIGNED = list(SCENARIOS)[:: 9 if connection.vendor == "sqlite" else 3]
SWEEP: StripeEvent = {"type": "no event, but the sweep"}

Order = tuple[StripeEvent, ...]
Rows = dict[type, list[Any]]


@pytest.fixture
def play(clock: Any, shop: Any, db: None) -> Play:
    buyer = get_user_model().objects.create_user("ada", email="ada@example.com")
    customer_of(buyer)
    connect(shop)
    shop.webhooks.hold()
    return Play(Calendar(clock, shop), buyer)


@pytest.mark.once
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_order_number_and_loss_of_events_make_no_difference(scenario: str, play: Play) -> None:
    events = play.events_of(scenario)
    with asked_once():
        expected, found = end_of(events), list(ends(events, (), set()))
        assert expected[Fact]
        assert found
        for order, end in found:
            assert end == expected, told(order)


@pytest.mark.once
@pytest.mark.parametrize("scenario", ONE_BY_ONE)
def test_all_orders_of_some_events_one_by_one(scenario: str, play: Play) -> None:
    events, chance = play.events_of(scenario), random.Random(scenario)
    with asked_once():
        expected = end_of(events)
        for order, end in ends_one_by_one(some(events, chance), (), roots(events), chance):
            assert end == expected, told(order)


@pytest.mark.parametrize("scenario", SIGNED)
def test_signed_deliveries_in_some_order_and_one_of_them_twice(scenario: str, play: Play) -> None:
    """As they come from Stripe: through dj-stripe's view, which asks Stripe for much of its own."""
    events, chance = play.events_of(scenario), random.Random(scenario)
    names = [event["id"] for event in some(events, chance)]
    with rolled_back():
        for delivered in (names, [chance.choice(names)]):
            assert all(each.succeeded for each in play.calendar.simulator.webhooks.deliver(delivered))
        signed = end(events)
    assert signed == end_of(events)


@contextmanager
def asked_once() -> Iterator[None]:
    """What Stripe answers is remembered, as bytes, since nothing happens there meanwhile."""
    ask, answers = RequestsClient.request, {}

    def remembered(client: Any, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        assert method == "get"
        if url not in answers:
            answers[url] = ask(client, method, url, headers, post_data)
        return answers[url]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RequestsClient, "request", remembered)
        yield


def ends(events: list[StripeEvent], order: Order, seen: set[Any]) -> Iterator[tuple[Order, Rows]]:
    """For each state that can be reached after something was heard of each thing that was sold: an order that leads
    there, and what it comes to."""
    heard = roots(order)
    state = heard, everything()
    if state in seen:
        return
    seen.add(state)
    if heard == roots(events):
        yield order, end(order)
    for event in (*events, SWEEP):
        with rolled_back():
            deliver(event)
            yield from ends(events, (*order, event), seen)


def ends_one_by_one(
    events: list[StripeEvent], order: Order, needed: frozenset[str], chance: random.Random
) -> Iterator[tuple[Order, Rows]]:
    """For each order of each choice of these events, with one of them twice: what it comes to."""
    if needed == roots(order):
        with rolled_back():
            deliver(chance.choice(order))
            yield order, end(order)
    for event in events:
        if event not in order:
            with rolled_back():
                deliver(event)
                yield from ends_one_by_one(events, (*order, event), needed, chance)


def end_of(order: Iterable[StripeEvent]) -> Rows:
    with rolled_back():
        for event in order:
            deliver(event)
        return end(order)


def end(heard: Iterable[StripeEvent]) -> Rows:
    """What it comes to if no more is heard, and the sweep does what it can."""
    with rolled_back():
        refilling.sweep()
        assert_ledger_sound()
        return rows(alone=len(roots(heard)) == 1)


def deliver(event: StripeEvent) -> None:
    if event is SWEEP:
        refilling.sweep()
        return
    with TestCase.captureOnCommitCallbacks(execute=True):
        webhooks.note(Event, SimpleNamespace(**event))


def everything() -> int:
    """All rows of credits and billing. Of the inbox only what waits: of what is settled, nothing is read again."""
    labels = ("quickscale_credits", "quickscale_billing")
    models = [model for label in labels for model in apps.get_app_config(label).get_models() if model != InboxItem]
    waiting = InboxItem.objects.exclude(state=InboxItem.State.SETTLED).values_list("kind", "stripe_id", "problem")
    with connection.cursor() as cursor:
        found = [cursor.execute(f"SELECT * FROM {model._meta.db_table} ORDER BY 1").fetchall() for model in models]
    return hash(repr((found, sorted(waiting))))


def some(events: list[StripeEvent], chance: random.Random) -> list[StripeEvent]:
    """In any order, one about each thing that was sold among them."""
    heard = [chance.choice([event for event in events if root_of(event) == root]) for root in sorted(roots(events))]
    others = [event for event in events if event not in heard]
    heard += chance.sample(others, k=min(len(others), MOST_EVENTS - len(heard)))
    return chance.sample(heard, k=len(heard))


def told(order: Order) -> list[tuple[str, str | None]]:
    return [(event["type"], event.get("id")) for event in order]
