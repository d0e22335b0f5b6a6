"""Stories 14 to 22 on the simulator and, where `STRIPE_TEST_KEY` is a key of a sandbox, at Stripe itself.

Here it is the same code. At Stripe each story takes some minutes, and prices and products of the catalog stay there.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from quickscale_billing import catalog, checkout, reconciliation, refunds, subscriptions
from quickscale_billing.models import CheckoutSession, Fact, Invoice, Plan, PlanSubscription, Purchase, Refill
from quickscale_billing.plan_changes import ChangeKind
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance
from tests.billing.at_stripe import AtSimulator, AtStripe, World
from tests.billing.conftest import CATALOG
from tests.billing.selling import at

HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=31)
DISPUTED = "4000000000000259"
REAL = pytest.param(
    "stripe",
    marks=[
        pytest.mark.once,
        pytest.mark.skipif(
            not os.environ.get("STRIPE_TEST_KEY"), reason="not told to Stripe itself: STRIPE_TEST_KEY is not set"
        ),
    ],
)


@pytest.fixture
def buyer(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture(params=["simulator", REAL])
def world(request: pytest.FixtureRequest, clock: Any, buyer: Any, settings: Any) -> Iterator[World]:
    if request.param == "simulator":
        told: World = AtSimulator(clock, buyer, simulator=request.getfixturevalue("shop"))
    else:
        settings.STRIPE_TEST_SECRET_KEY = os.environ["STRIPE_TEST_KEY"]
        list(catalog.sync(catalog.read(CATALOG)))
        told = AtStripe(clock, buyer, chromium=request.getfixturevalue("chromium"))
    told.begin()
    yield told
    told.end()


def by_type(owner: Any, name: str) -> Any:
    return ledger.balance(owner).by_type[name]


def test_story_14_a_pack_is_given_once_however_often_it_is_heard_of(world: World, buyer: Any) -> None:
    session = world.buy("large")
    for _ in range(5):
        assert checkout.settle(buyer, session.stripe_id).is_paid
    for _ in range(2):
        world.hear()
    assert_balance(buyer, 1_050)
    assert Fact.objects.count() == 1


def test_story_15_somebody_elses_or_an_unpaid_session_gives_nothing(world: World, buyer: Any) -> None:
    other = get_user_model().objects.create_user("grace")
    session = checkout.start(buyer, "large")
    assert not checkout.settle(buyer, session.stripe_id).is_paid
    with pytest.raises(CheckoutSession.DoesNotExist):
        checkout.settle(other, session.stripe_id)
    assert_balance(buyer, 0)
    assert_balance(other, 0)


def test_story_16_refunds_take_credits_in_proportion_by_the_difference(world: World, buyer: Any) -> None:
    world.buy("large")
    world.hear()
    pack = Purchase.objects.get()
    refunds.refund(pack, amount=1470, reason="too many", actor=buyer)
    assert_balance(buyer, 1050 - 315)
    stripe_client().v1.refunds.create({"payment_intent": pack.stripe_payment_intent_id, "amount": 2450 - 1470})
    for _ in range(2):
        world.hear()
        assert_balance(buyer, 525)


def test_story_17_subscribing_renewing_and_the_hour_between(world: World, buyer: Any) -> None:
    world.subscribe("pro")
    assert_balance(buyer, 11_000)
    world.move_to(at("2026-02-15T12:30"))
    world.hear()
    assert_balance(buyer, 11_000)
    world.shift(HOUR)
    assert ledger.balance(buyer).by_type == {"subscription": 10_000, "promotional": 1_000, "pay_as_you_go": 0}
    assert PlanSubscription.objects.get().current_period_end == at("2026-03-15T12:00")


def test_story_17_a_trial_gives_its_own_credits_until_it_is_paid(world: World, buyer: Any) -> None:
    world.subscribe("studio")
    assert subscriptions.current(buyer).status == "trialing"
    assert_balance(buyer, 50)
    world.shift(7 * DAY + 2 * HOUR)
    assert_balance(buyer, 2_000)


def test_story_18_a_yearly_price_refills_at_the_end_of_each_month(world: World, buyer: Any) -> None:
    world.move_to(at("2026-01-31T12:00"))
    world.subscribe("basic", interval="year")
    for _ in range(9):
        world.shift(10 * DAY)
        world.sweep()
    days = [f"{refill.starts_at:%d %b}" for refill in Refill.objects.order_by("starts_at")]
    assert days == ["31 Jan", "28 Feb", "31 Mar", "30 Apr"]
    assert_balance(buyer, 500)


def test_story_19_an_upgrade_halfway_and_down_and_up_again(world: World, buyer: Any) -> None:
    Plan.objects.filter(slug="studio").update(trial_days=0)
    world.subscribe("basic")
    world.shift(timedelta(days=15.5))
    preview = subscriptions.preview_change(buyer, "studio")
    assert (preview.kind, preview.due_now, preview.credits) == (ChangeKind.UPGRADE, 500, 750)
    for plan in ("studio", "basic", "studio"):
        subscriptions.change_plan(buyer, plan)
        assert_balance(buyer, 1_250)
    assert subscriptions.current(buyer).next_price is None


def test_story_20_a_month_of_which_nothing_was_heard_is_repaired(world: World, buyer: Any) -> None:
    world.buy("pro")
    world.buy("small")
    world.move_to(at("2026-02-15T14:00"))
    since = at("2026-01-01T00:00")
    repaired = reconciliation.repair(reconciliation.drift(since))
    assert (repaired.failed, len(repaired.skipped)) == ([], 1)
    assert ledger.balance(buyer).by_type == {"subscription": 10_000, "promotional": 1_000, "pay_as_you_go": 100}
    assert reconciliation.drift(since) == []


@pytest.mark.parametrize(("evidence", "left"), [("winning_evidence", 1_050), ("losing_evidence", 0)])
def test_story_21_a_dispute_freezes_and_then_gives_back_or_takes(
    world: World, buyer: Any, evidence: str, left: int
) -> None:
    world.buy("large", DISPUTED)
    world.hear()
    assert (ledger.balance(buyer).available, ledger.balance(buyer).total) == (0, 1_050)
    disputes, payment_id = stripe_client().v1.disputes, Purchase.objects.get().stripe_payment_intent_id
    opened = disputes.list({"payment_intent": payment_id}).data[0].id
    disputes.update(opened, {"evidence": {"uncategorized_text": evidence}, "submit": True})
    world.hear()
    assert (ledger.balance(buyer).available, ledger.balance(buyer).total) == (left, left)


def test_story_22_monthly_unused_and_yearly_a_day_later(world: World, buyer: Any) -> None:
    world.subscribe("pro")
    world.shift(DAY)
    preview = subscriptions.preview_change(buyer, "pro", interval="year")
    assert (preview.kind, preview.credits) == (ChangeKind.UPGRADE, 0)
    subscriptions.change_plan(buyer, "pro", interval="year")
    assert by_type(buyer, "subscription") == 10_000
    world.shift(MONTH)
    world.sweep()
    assert by_type(buyer, "subscription") == 10_000


def test_story_22_a_yearly_plan_wholly_refunded_in_month_three_refills_no_more(world: World, buyer: Any) -> None:
    world.subscribe("basic", interval="year")
    for _ in range(2):
        world.shift(MONTH + 2 * HOUR)
        world.sweep()
    assert_balance(buyer, 500)
    refunds.refund(Invoice.objects.get(), reason="gone", actor=buyer)
    assert_balance(buyer, 0)
    for _ in range(2):
        world.shift(MONTH + 2 * HOUR)
        world.sweep()
    assert_balance(buyer, 0)
    assert Refill.objects.filter(state="refunded").count() == 2
