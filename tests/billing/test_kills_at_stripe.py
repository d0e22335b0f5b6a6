"""A process is killed after one of Stripe's answers or around one of our commits: nobody pays twice for what they asked
for once, and the next event, or reconciliation, makes the rows right."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.utils import timezone
from djstripe.models import Event

from quickscale_billing import checkout, facts, reconciliation, refunds, subscriptions
from quickscale_billing.models import CheckoutSession, Payment, PlanSubscription, Refund
from quickscale_billing.stripe import endpoints, webhooks
from quickscale_credits.models import CreditAccount
from quickscale_credits.testing import assert_balance
from tests.billing.killing import ORDER, Scene
from tests.credits.killing import Killer

pytestmark = pytest.mark.django_db(transaction=True)

names = (f"buyer-{number}" for number in count())


@pytest.fixture
def killer(shop: Any, spawn: Any) -> Killer:
    endpoints.create("https://shop.example")
    shop.webhooks.hold()
    code = "import sys; from tests.billing.killing import serve_at; serve_at(*sys.argv[1:])"
    return Killer(spawn(code, shop.address, shop.api_key))


def tell(shop: Any, number: int) -> None:
    """What happened at Stripe is heard of now, and not before: by its events, or by reconciliation."""
    if number % 2:
        for event in shop.webhooks.pending:
            if event["type"] in webhooks.EVENTS:
                webhooks.note(Event, SimpleNamespace(**event))
    else:
        assert reconciliation.repair(reconciliation.drift(timezone.now() - timedelta(days=1))).failed == []
    shop.webhooks.drop()
    shop.webhooks.hold()


def killed_everywhere(killer: Killer, deed: str, scene: Callable[[], Scene]) -> Iterator[tuple[int, Scene]]:
    """Each moment, with a scene in which the deed was killed at it."""
    for moment in range(1, killer.moments(deed, scene()) + 1):
        killed = scene()
        assert killer.kill(deed, killed, moment), f"{deed} was done before moment {moment}"
        yield moment, killed


def buyer() -> Scene:
    name = next(names)
    return Scene(user=get_user_model().objects.create_user(name, email=f"{name}@example.com").pk)


def payer(shop: Any, item: str) -> Scene:
    scene = buyer()
    session = checkout.start(scene.owner(), item)
    shop.pay(session)
    return Scene(user=scene.user, session=str(session.stripe_id))


def subscriber(shop: Any, plan: str) -> Scene:
    scene = payer(shop, plan)
    facts.settle_session(scene.session)
    return scene


def sessions_of(shop: Any, owner: Any) -> list[Any]:
    accounts = {str(account.pk) for account in CreditAccount.objects.for_owner(owner)}
    made = shop.sandbox.all("checkout.session")
    return [each for each in made if each["metadata"]["quickscale_account"] in accounts]


def refunded(shop: Any, owner: Any) -> list[int]:
    intents = set(Payment.objects.filter(account__owner=owner).values_list("stripe_payment_intent_id", flat=True))
    return [each["amount"] for each in shop.sandbox.all("refund") if each["payment_intent"] in intents]


def charged(shop: Any, owner: Any) -> list[int]:
    customers = set(owner.credit_account.customers.values_list("stripe_id", flat=True))
    return [each["amount"] for each in shop.sandbox.all("charge") if each["customer"] in customers]


@pytest.mark.parametrize(("item", "worth"), [("large", 1_050), ("pro", 11_000)])
def test_a_checkout_that_is_killed_is_one_page_of_stripe_and_paid_once(
    shop: Any, killer: Killer, item: str, worth: int
) -> None:
    for number, scene in killed_everywhere(killer, f"buy {item}", buyer):
        owner = scene.owner()
        made = sessions_of(shop, owner)
        for session in made:
            shop.pay(session)
            tell(shop, number)
            assert_balance(owner, worth)
        again = checkout.start(owner, item, **ORDER)
        assert [each["id"] for each in sessions_of(shop, owner)] == [again.stripe_id]
        if not made:
            shop.pay(again)
            tell(shop, number)
        assert_balance(owner, worth)
        assert charged(shop, owner) == [4900]
        assert (CheckoutSession.objects.get(pk=again.pk).status, owner.credit_account.customers.count()) == (
            "complete",
            1,
        )


@pytest.mark.parametrize(("item", "worth"), [("large", 1_050), ("pro", 11_000)])
def test_what_was_paid_is_given_once_though_settling_it_is_killed(
    shop: Any, killer: Killer, item: str, worth: int
) -> None:
    for number, scene in killed_everywhere(killer, "settle", lambda: payer(shop, item)):
        tell(shop, number)
        assert_balance(scene.owner(), worth)


def finish_at(moment: datetime) -> None:
    with time_machine.travel(moment):
        refunds.finish()


def test_a_refund_that_is_killed_is_paid_back_once(shop: Any, killer: Killer) -> None:
    later = timezone.now() + refunds.ABANDONED_AFTER * 2
    for number, scene in killed_everywhere(killer, "pay back", lambda: subscriber(shop, "large")):
        owner = scene.owner()
        asked = Refund.objects.filter(payment__account__owner=owner)
        was_asked = asked.exists()
        if number % 2:
            finish_at(later)
        tell(shop, number)
        finish_at(later)
        assert refunded(shop, owner) == ([2450] if was_asked else [])
        assert_balance(owner, 525 if was_asked else 1_050)
        assert [each.status for each in asked] == (["succeeded"] if was_asked else [])


def test_a_refund_that_cancels_and_is_killed_does_both_once(shop: Any, killer: Killer) -> None:
    later = timezone.now() + refunds.ABANDONED_AFTER * 2

    def scheduled() -> Scene:
        scene = subscriber(shop, "pro")
        subscriptions.change_plan(scene.owner(), "basic")
        return scene

    for number, scene in killed_everywhere(killer, "pay back and cancel", scheduled):
        owner = scene.owner()
        asked = Refund.objects.filter(payment__account__owner=owner)
        was_asked = asked.exists()
        if number % 2:
            finish_at(later)
        tell(shop, number)
        finish_at(later)
        tell(shop, number)
        assert refunded(shop, owner) == ([4900] if was_asked else [])
        assert_balance(owner, 0 if was_asked else 11_000)
        subscription = PlanSubscription.objects.get(account=owner.credit_account)
        assert (subscription.status, [each.status for each in asked]) == (
            ("canceled", ["succeeded"]) if was_asked else ("active", [])
        )


@pytest.mark.parametrize(
    ("old", "new", "worth", "paid"),
    [("basic", "pro", 10_000, [900, 4000]), ("pro", "basic", 11_000, [4900])],
)
def test_a_change_of_plan_that_is_killed_is_paid_once(
    shop: Any, killer: Killer, old: str, new: str, worth: int, paid: list[int]
) -> None:
    for number, scene in killed_everywhere(killer, f"change to {new}", lambda: subscriber(shop, old)):
        owner = scene.owner()
        was_charged = charged(shop, owner) == paid
        tell(shop, number)
        assert_balance(owner, worth if was_charged else 500)
        subscriptions.change_plan(owner, new)
        assert charged(shop, owner) == paid
        assert_balance(owner, worth)
        subscription = PlanSubscription.objects.get(account=owner.credit_account)
        assert new in {each.plan.slug for each in (subscription.price, subscription.next_price) if each}
