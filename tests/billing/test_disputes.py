"""A bank that looks into a payment: its credits wait, come back, or are taken."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from quickscale_billing import checkout, facts, refilling, refunds
from quickscale_billing.exceptions import StripeRefused
from quickscale_billing.models import Dispute, Payment, Refund
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import assert_ledger_sound
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def buyer(clock: Any, shop: Any, db: None) -> Any:
    connect(shop)
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def buy(shop: Any, buyer: Any, item: str, **options: Any) -> Payment:
    session = checkout.start(buyer, item, **options)
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))
    return Payment.objects.latest("pk")


def taken() -> Any:
    return LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REVOCATION).order_by("sequence")


def balance(owner: Any) -> tuple[int, int]:
    now = ledger.balance(owner)
    return int(now.total), int(now.available)


def test_story_21_a_dispute_that_is_won_leaves_all_as_it_was(shop, buyer):
    payment = buy(shop, buyer, "large")
    ledger.spend(buyer, 50, reason="work")
    dispute = shop.dispute(payment.stripe_charge_id)
    assert balance(buyer) == (1000, 0)
    with pytest.raises(InsufficientCredits):
        ledger.spend(buyer, 1, reason="work")
    shop.close_dispute(dispute, "won")
    assert balance(buyer) == (1000, 1000)
    assert Dispute.objects.get().closed_at is not None


def test_story_21_a_dispute_that_is_lost_takes_all_and_the_rest_is_debt(shop, buyer):
    payment = buy(shop, buyer, "large")
    ledger.spend(buyer, 50, reason="work")
    shop.close_dispute(shop.dispute(payment.stripe_charge_id), "lost")
    assert balance(buyer) == (-50, -50)
    payment.refresh_from_db()
    assert (payment.disputed, payment.kept) == (4900, 0)


def test_an_inquiry_freezes_nothing_and_may_become_a_dispute(shop, buyer):
    payment = buy(shop, buyer, "large")
    dispute = shop.dispute(payment.stripe_charge_id, inquiry=True)
    assert balance(buyer) == (1050, 1050)
    shop.escalate(dispute)
    assert balance(buyer) == (1050, 0)


def test_an_inquiry_that_is_closed_changes_nothing(shop, buyer):
    payment = buy(shop, buyer, "large")
    shop.close_dispute(shop.dispute(payment.stripe_charge_id, inquiry=True), "lost")
    assert balance(buyer) == (1050, 1050)
    assert Dispute.objects.get().status == "warning_closed"


def back_by_release(owner: Any, clock: Any) -> None:
    ledger.release(owner.credit_account.holds.get(reason="work"))


def back_by_capture_of_less(owner: Any, clock: Any) -> None:
    ledger.capture(owner.credit_account.holds.get(reason="work"), 0)


def back_by_time(owner: Any, clock: Any) -> None:
    clock.shift(timedelta(minutes=16))
    ledger.expire()


def back_by_reversal(owner: Any, clock: Any) -> None:
    entry = ledger.capture(owner.credit_account.holds.get(reason="work"))
    ledger.reverse(entry, reason="bad")


@pytest.mark.parametrize("comes_back", [back_by_release, back_by_capture_of_less, back_by_time, back_by_reversal])
@pytest.mark.parametrize(("ending", "left"), [("won", 1050), ("lost", 0)])
def test_what_comes_back_while_its_money_is_disputed_is_frozen_with_the_rest(
    clock, shop, buyer, comes_back, ending, left, django_capture_on_commit_callbacks
):
    payment = buy(shop, buyer, "large")
    ledger.hold(buyer, 400, reason="work")
    dispute = shop.dispute(payment.stripe_charge_id)
    with django_capture_on_commit_callbacks(execute=True):
        comes_back(buyer, clock)
    assert balance(buyer) == (1050, 0)
    shop.close_dispute(dispute, ending)
    assert balance(buyer) == (left, left)
    assert_ledger_sound()


def test_what_comes_back_of_other_credits_stays_free(shop, buyer, django_capture_on_commit_callbacks):
    payment = buy(shop, buyer, "large")
    shop.dispute(payment.stripe_charge_id)
    buy(shop, buyer, "small")
    hold = ledger.hold(buyer, 60, reason="work")
    with django_capture_on_commit_callbacks(execute=True):
        ledger.release(hold)
    assert balance(buyer) == (1150, 100)


def test_other_credits_of_the_owner_stay_free(shop, buyer):
    payment = buy(shop, buyer, "large")
    buy(shop, buyer, "small")
    shop.dispute(payment.stripe_charge_id)
    assert balance(buyer) == (1150, 100)


def test_a_refund_and_a_lost_dispute_together_take_no_more_than_was_given(shop, buyer):
    payment = buy(shop, buyer, "large")
    refunds.refund(payment, amount=2450, reason="half", actor=buyer)
    shop.close_dispute(shop.dispute(payment.stripe_charge_id), "lost")
    assert balance(buyer) == (0, 0)


def test_what_a_lost_dispute_takes_says_so_also_after_a_refund(shop, buyer):
    payment = buy(shop, buyer, "large")
    refunds.refund(payment, amount=2450, reason="half", actor=buyer)
    shop.close_dispute(shop.dispute(payment.stripe_charge_id), "lost")
    assert [(each.amount, each.reason) for each in taken()] == [(-525, "refund"), (-525, "dispute")]


def test_what_comes_back_after_a_lost_dispute_is_taken_for_the_dispute(
    shop, buyer, settings, django_capture_on_commit_callbacks
):
    settings.QUICKSCALE_BILLING = {"REFUND_DEBT": False}
    payment, hold = buy(shop, buyer, "large"), ledger.hold(buyer, 1050, reason="work")
    shop.close_dispute(shop.dispute(payment.stripe_charge_id), "lost")
    assert list(taken()) == []
    with django_capture_on_commit_callbacks(execute=True):
        ledger.capture(hold, 50)
    assert [(each.amount, each.reason) for each in taken()] == [(-1000, "dispute")]


def test_a_partial_dispute_that_is_lost_takes_its_part(shop, buyer):
    payment = buy(shop, buyer, "large")
    shop.close_dispute(shop.dispute(payment.stripe_charge_id, amount=2450), "lost")
    assert balance(buyer) == (525, 525)


def test_what_is_disputed_cannot_be_paid_back_too(shop, buyer):
    payment = buy(shop, buyer, "large")
    shop.dispute(payment.stripe_charge_id)
    with pytest.raises(StripeRefused):
        refunds.refund(payment, reason="all", actor=buyer)
    assert Refund.objects.get().status == Refund.Status.FAILED


def test_refills_wait_while_their_money_is_disputed(clock, shop, buyer):
    payment, calendar = buy(shop, buyer, "basic", interval="year"), Calendar(clock, shop)
    dispute = shop.dispute(payment.stripe_charge_id)
    calendar.shift(timedelta(days=31))
    calendar.sweep()
    assert balance(buyer) == (500, 0)
    shop.close_dispute(dispute, "won")
    calendar.sweep()
    assert balance(buyer) == (500, 500)
    assert ledger.balance(buyer).available == 500


def test_the_bonus_of_a_first_period_that_is_disputed_before_it_is_heard_of_is_given_frozen(shop, buyer):
    shop.webhooks.hold()
    session = checkout.start(buyer, "pro")
    shop.pay(session)
    [charge] = stripe_client().v1.charges.list().data
    dispute = shop.dispute(charge.id)
    facts.settle_session(str(session.stripe_id))
    assert balance(buyer) == (1_000, 0)
    shop.webhooks.deliver()
    shop.close_dispute(dispute, "won")
    refilling.sweep()
    assert balance(buyer) == (11_000, 11_000)


def test_what_is_over_is_not_frozen(clock, shop, buyer):
    payment, calendar = buy(shop, buyer, "basic", interval="year"), Calendar(clock, shop)
    calendar.shift(timedelta(days=40))
    calendar.sweep()
    shop.dispute(payment.stripe_charge_id)
    assert balance(buyer) == (500, 0)
    assert Dispute.objects.get().frozen.count() == 1


def test_events_in_any_number_change_nothing_more(shop, buyer):
    payment = buy(shop, buyer, "large")
    shop.webhooks.hold()
    shop.close_dispute(shop.dispute(payment.stripe_charge_id), "lost")
    shop.webhooks.duplicate()
    shop.webhooks.shuffle(3)
    shop.webhooks.deliver()
    assert balance(buyer) == (0, 0)
