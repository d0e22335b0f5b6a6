"""The same event eight times at once, and processes that are killed: one grant."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from quickscale_billing import checkout, facts, refilling
from quickscale_billing.models import Fact, InboxItem, PlanSubscription
from quickscale_billing.stripe import endpoints
from quickscale_billing.testing.rendering import render
from quickscale_billing.testing.webhooks import signature
from quickscale_credits.testing import assert_balance
from tests.stories.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def buyer(shop: Any) -> Any:
    endpoints.create("https://shop.example")
    shop.webhooks.hold()
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def deliver(simulator: Any, event_type: str) -> int:
    """An event that waits, through the view, as a thread of a server would."""
    event = next(event for event in simulator.webhooks.pending if event["type"] == event_type)
    body = json.dumps(render(simulator.sandbox, event)).encode()
    endpoint = endpoints.WebhookEndpoint.objects.get()
    address = reverse(endpoints.VIEW, args=[endpoint.djstripe_uuid])
    headers = {"Stripe-Signature": signature(body, endpoint.secret)}
    client = Client(raise_request_exception=False)
    return client.post(address, body, content_type="application/json", headers=headers).status_code


@pytest.mark.parametrize(
    ("item", "event", "total"),
    [("large", "checkout.session.completed", 1_050), ("pro", "invoice.paid", 11_000)],
)
def test_eight_deliveries_of_one_event_at_once_are_one_grant(
    item: str, event: str, total: int, shop: Any, buyer: Any
) -> None:
    shop.pay(checkout.start(buyer, item))
    answers = at_once(8, lambda: deliver(shop, event))
    assert 200 in answers
    call_command("settle_facts", "--all")
    assert_balance(buyer, total)
    assert not InboxItem.objects.pending().exists()


def test_eight_settlements_of_one_session_at_once_are_one_purchase(shop: Any, buyer: Any) -> None:
    session = checkout.start(buyer, "large")
    shop.pay(session)
    answers = at_once(8, lambda: facts.settle_session(session.stripe_id))
    assert {answer.is_paid for answer in answers} == {True}
    assert_balance(buyer, 1_050)


def test_eight_settlements_of_one_subscription_at_once_book_it_once(shop: Any, buyer: Any) -> None:
    paid = shop.pay(checkout.start(buyer, "pro"))
    answers = at_once(8, lambda: facts.settle_subscription(paid["subscription"]))
    assert {type(answer) for answer in answers} == {PlanSubscription}
    assert_balance(buyer, 11_000)
    assert Fact.objects.count() == 3


def test_four_sweeps_at_once_give_a_refill_once(clock: Any, shop: Any, buyer: Any) -> None:
    paid = shop.pay(checkout.start(buyer, "basic", interval="year"))
    facts.settle_subscription(paid["subscription"])
    clock.shift(timedelta(days=31))
    assert sum(at_once(4, refilling.sweep)) == 1
    assert_balance(buyer, 500)


def test_a_process_that_is_killed_before_its_commit_has_given_nothing(shop: Any, buyer: Any, spawn: Any) -> None:
    session = checkout.start(buyer, "large")
    shop.pay(session)
    killed = spawn(SETTLE_AND_DIE, shop.address, shop.api_key, session.stripe_id)
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    assert_balance(buyer, 0)
    facts.settle_session(session.stripe_id)
    assert_balance(buyer, 1_050)


# The purchase is the last row that is written: its fact and its entry stand in the same transaction.
SETTLE_AND_DIE = """
    import os, signal, stripe, sys
    from django.conf import settings
    from django.db.models.signals import post_save
    from quickscale_billing import facts
    from quickscale_billing.models import Purchase

    settings.STRIPE_API_HOST, settings.STRIPE_TEST_SECRET_KEY, session = sys.argv[1:]
    post_save.connect(lambda **about: os.kill(os.getpid(), signal.SIGKILL), sender=Purchase, weak=False)
    facts.settle_session(session)
"""
