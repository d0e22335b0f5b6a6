"""Plans that change while a bank has the money of the time before.

A year of Basic (500 a month) is changed after ten of the 31 days of its refill to Pro by the month (10,000): Stripe
credits the time that is left back, so 161.290322 of the 500 are paid for, and 338.709678 go.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from quickscale_billing import checkout, facts, refunds
from quickscale_billing.models import Payment, PlanPrice, PlanSubscription
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.testing import assert_ledger_sound
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

pytestmark = pytest.mark.once

DAY = timedelta(days=1)
PAID_FOR = Decimal("161.290322")


class Story:
    """What is done at Stripe, each told at once, or later if webhooks are held."""

    def __init__(self, clock: Any, shop: Any, *, interval: str = "year") -> None:
        self.shop, self.calendar = shop, Calendar(clock, shop)
        self.owner = get_user_model().objects.create_user("ada", email="ada@example.com")
        session = checkout.start(self.owner, "basic", interval=interval)
        shop.pay(session)
        facts.settle_session(str(session.stripe_id))
        self.payment = Payment.objects.get()

    def wait(self, days: int = 0) -> None:
        self.calendar.shift(days * DAY)
        self.calendar.sweep()

    def dispute(self, **options: Any) -> None:
        self.disputed = self.shop.dispute(self.payment.stripe_charge_id, **options)

    def close(self, status: str) -> None:
        self.shop.close_dispute(self.disputed, status)
        self.calendar.sweep()

    def upgrade(self) -> None:
        subscription = PlanSubscription.objects.get()
        price = PlanPrice.objects.get(plan__slug="pro", interval="month").stripe_price_id
        items = [{"id": subscription.stripe_item_id, "price": price}]
        changes = {"items": items, "proration_behavior": "always_invoice"}
        stripe_client().v1.subscriptions.update(subscription.stripe_id, changes)

    def refund(self, part: Decimal) -> None:
        refunds.refund(self.payment, amount=int(self.payment.amount * part), reason="part", actor=self.owner)

    @property
    def has(self) -> tuple[Decimal, Decimal]:
        """What can be spent, and what is frozen."""
        assert_ledger_sound()
        now = ledger.balance(self.owner)
        return now.available, now.held


@pytest.fixture
def story(clock: Any, shop: Any, db: None) -> Story:
    connect(shop)
    return Story(clock, shop)


def play(story: Story, *steps: str) -> None:
    for step in steps:
        verb, _, argument = step.partition(" ")
        arguments = {"wait": int, "refund": Decimal}.get(verb, str)(argument) if argument else None
        getattr(story, verb)(*([] if arguments is None else [arguments]))


def test_what_is_frozen_of_time_that_is_credited_back_is_no_debt_of_the_owner(story):
    play(story, "dispute", "wait 10", "upgrade", "wait")
    assert story.has == (10_000, PAID_FOR)
    assert PlanSubscription.objects.get().overdrawn == 0


@pytest.mark.parametrize("days", [0, 40], ids=["before it has expired", "after"])
@pytest.mark.parametrize("ending", ["won", "lost"])
@pytest.mark.parametrize(
    "steps",
    [
        ("dispute", "wait 10", "upgrade"),
        ("wait 10", "upgrade", "dispute"),
        ("refund 0.5", "dispute", "wait 10", "upgrade"),
        ("refund 0.5", "wait 10", "upgrade", "dispute"),
        ("wait 10", "upgrade", "refund 0.5", "dispute"),
    ],
    ids=" ".join,
)
def test_whatever_the_order_of_dispute_change_and_refund_the_new_plan_is_whole(story, steps, ending, days):
    """What is left of the old refill ends with the change if the dispute is won, and is taken if it is lost."""
    play(story, *steps, f"wait {days}", f"close {ending}", "wait")
    assert story.has == (10_000, 0)


@pytest.mark.parametrize("ending", ["won", "lost"])
@pytest.mark.parametrize("spent", [100, 300, 500])
def test_what_was_really_spent_of_it_is_owed_once(story, spent, ending):
    ledger.spend(story.owner, spent, reason="work")
    play(story, "dispute", "wait 10", "upgrade", f"close {ending}")
    kept = PAID_FOR if ending == "won" else 0
    assert story.has == (10_000 - max(Decimal(0), spent - kept), 0)


@pytest.mark.parametrize("ending", ["won", "lost"])
def test_what_was_spent_is_owed_alike_where_the_change_came_before_the_dispute(story, ending):
    ledger.spend(story.owner, 300, reason="work")
    play(story, "wait 10", "upgrade", "dispute", f"close {ending}")
    assert story.has == (10_000 - (300 - (PAID_FOR if ending == "won" else 0)), 0)


@pytest.mark.parametrize(
    ("steps", "owed"),
    [
        (("dispute", "close lost", "wait 10", "upgrade"), 0),
        (("dispute", "wait 10", "close lost", "upgrade"), 0),
        (("dispute", "wait 10", "upgrade", "close lost"), 300 - PAID_FOR),
        (("wait 10", "upgrade", "dispute", "close lost"), 300 - PAID_FOR),
    ],
    ids=["lost", "lost later", "changed while disputed", "changed before"],
)
def test_without_debt_what_was_spent_is_let_go_with_its_money_and_owed_to_a_change_that_came_before(
    story, settings, steps, owed
):
    settings.QUICKSCALE_BILLING = {"REFUND_DEBT": False}
    ledger.spend(story.owner, 300, reason="work")
    play(story, *steps, "wait")
    assert story.has == (10_000 - owed, 0)


@pytest.mark.parametrize("ending", ["won", "lost"])
def test_what_nobody_heard_of_until_the_end_comes_to_the_same(story, ending):
    story.shop.webhooks.hold()
    play(story, "dispute", "wait 10", "upgrade", "wait 40", f"close {ending}")
    story.shop.webhooks.shuffle(7)
    story.shop.webhooks.deliver()
    story.wait()
    assert story.has == (10_000, 0)


@pytest.mark.parametrize("ending", ["won", "lost"])
def test_a_dispute_before_the_sale_is_heard_of_has_the_refill_wait_and_the_change_is_whole(clock, shop, db, ending):
    connect(shop)
    shop.webhooks.hold()
    owner = get_user_model().objects.create_user("ada", email="ada@example.com")
    session = checkout.start(owner, "basic", interval="year")
    shop.pay(session)
    dispute = shop.dispute(stripe_client().v1.charges.list().data[0].id)
    calendar = Calendar(clock, shop)
    shop.webhooks.deliver()
    calendar.shift(10 * DAY)
    story = Story.__new__(Story)
    story.shop, story.calendar, story.owner, story.disputed = shop, calendar, owner, dispute
    story.upgrade()
    story.close(ending)
    assert story.has == (10_000, 0)


@pytest.mark.parametrize(
    "steps",
    [("dispute", "wait 10", "upgrade"), ("wait 10", "upgrade", "dispute")],
    ids=" ".join,
)
@pytest.mark.parametrize(("ending", "left"), [("won", 6935), ("lost", 6774)])
def test_an_upgrade_within_a_disputed_period_waits_with_it(clock, shop, db, steps, ending, left):
    connect(shop)
    story = Story(clock, shop, interval="month")
    play(story, *steps, "wait")
    assert story.has[0] == 0
    story.close(ending)
    assert (int(story.has[0]), story.has[1]) == (left, 0)
