"""When a pack is not bought by itself any more."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db.models import ProtectedError

from quickscale_billing import billing, charging, checkout, facts, payment_methods, refunds, topup
from quickscale_billing.exceptions import DisputeOpen, NoPaymentMethod, StripeUnavailable
from quickscale_billing.models import AutoTopUp, CreditPack, Invoice, Payment, Purchase, TopUp
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits.testing import assert_balance
from tests.billing.topping import CHALLENGED_LATER, add_card, agree, attempts, charges, reason, run_low, sweep

pytestmark = pytest.mark.once

HOUR = timedelta(hours=1)


def test_without_a_card_it_cannot_be_turned_on_and_turns_off_by_itself(shop, stranger, stopped):
    with pytest.raises(NoPaymentMethod):
        agree(stranger)
    add_card(shop, stranger)
    agree(stranger)
    payment_methods.remove(stranger, payment_methods.list(stranger)[0])
    run_low(stranger)
    sweep()
    assert (reason(), attempts()) == ("no_method", [])


def test_a_pack_that_is_not_what_was_agreed_is_not_bought(shop, ada):
    run_low(ada)
    for change in ({"amount": 600}, {"credits": 90}, {"is_active": False}):
        agree(ada)
        CreditPack.objects.filter(slug="small").update(**change)
        sweep()
        assert reason() == "pack_changed"
    assert charges(shop) == []


def test_a_dispute_turns_it_off_and_nobody_turns_it_on_until_it_is_over(shop, ada):
    agree(ada)
    run_low(ada)
    sweep()
    dispute = shop.dispute(Payment.objects.get().stripe_charge_id)
    assert reason() == "disputed"
    with pytest.raises(DisputeOpen):
        agree(ada)
    shop.close_dispute(dispute, "won")
    assert reason() == "disputed"
    assert agree(ada).is_on


def test_money_that_goes_back_takes_the_credits_along(shop, ada):
    agree(ada)
    run_low(ada)
    sweep()
    refunds.refund(Purchase.objects.get(), amount=350, reason="half", actor=None)
    assert_balance(ada, 55)
    refunds.refund(Invoice.objects.get(), reason="the rest", actor=None)
    assert_balance(ada, 5)


@pytest.mark.parametrize("amount", [350, 700])
def test_a_top_up_that_is_refunded_is_not_bought_again(shop, ada, stopped, amount, django_capture_on_commit_callbacks):
    agree(ada)
    run_low(ada)
    sweep()
    with django_capture_on_commit_callbacks(execute=True):
        refunds.refund(Purchase.objects.get(), amount=amount, reason="not wanted", actor=None)
    assert stopped == [reason()] == ["refunded"]
    run_low(ada)
    sweep()
    assert charges(shop) == [700]


def test_a_refund_made_at_stripe_turns_it_off_as_well(shop, ada):
    agree(ada)
    run_low(ada)
    sweep()
    stripe_client().v1.refunds.create({"payment_intent": Payment.objects.get().stripe_payment_intent_id})
    shop.webhooks.deliver()
    sweep()
    assert (reason(), charges(shop)) == ("refunded", [700])


def test_who_agrees_after_a_refund_is_not_turned_off_by_hearing_of_it_again(shop, ada, calendar):
    agree(ada)
    run_low(ada)
    sweep()
    refunds.refund(Purchase.objects.get(), reason="not wanted", actor=None)
    calendar.shift(HOUR)
    assert agree(ada).is_on
    facts.settle_payment(Payment.objects.get().stripe_payment_intent_id)
    assert topup.current(ada).is_on


def test_the_refund_of_what_was_bought_by_hand_leaves_it_on(shop, ada):
    agree(ada)
    shop.pay(checkout.start(ada, "small"))
    refunds.refund(Purchase.objects.get(), reason="not wanted", actor=None)
    assert topup.current(ada).is_on


def test_a_dispute_that_is_lost_takes_the_credits(shop, ada):
    agree(ada)
    run_low(ada)
    sweep()
    shop.close_dispute(shop.dispute(Payment.objects.get().stripe_charge_id), "lost")
    assert_balance(ada, 5)


def test_turning_it_off_gives_up_what_was_not_paid(shop, stranger):
    add_card(shop, stranger, CHALLENGED_LATER)
    agree(stranger)
    run_low(stranger)
    sweep()
    topup.turn_off(stranger)
    assert (reason(), attempts()) == ("owner", ["canceled"])
    assert shop.sandbox.all("invoice")[0]["status"] == "void"
    sweep()
    assert charges(shop) == []


def test_where_it_is_not_offered_nothing_is_bought(shop, ada, settings):
    agree(ada)
    run_low(ada)
    settings.QUICKSCALE_BILLING = {}
    sweep()
    assert charges(shop) == []


@pytest.mark.parametrize("after", range(2, 8))
def test_where_it_is_not_offered_any_more_what_was_begun_is_not_charged(shop, ada, settings, outage, calendar, after):
    agree(ada)
    run_low(ada)
    with outage(after=after), suppress(StripeUnavailable):
        charging.charge(ada.credit_account)
    settings.QUICKSCALE_BILLING = {}
    before = charges(shop)
    calendar.shift(timedelta(minutes=6))
    sweep()
    assert charges(shop) == before
    assert not TopUp.objects.pending().exists()


def test_closing_turns_it_off_and_forgets_who_agreed(shop, stranger):
    add_card(shop, stranger, CHALLENGED_LATER)
    agree(stranger)
    run_low(stranger)
    sweep()
    billing.close(stranger)
    agreed = AutoTopUp.objects.get()
    assert (agreed.reason, agreed.consented_by, agreed.consent_wording) == ("closed", "", "")
    assert attempts() == ["canceled"]
    stranger.delete()


def test_whoever_is_topped_up_is_not_deleted_before(ada):
    agree(ada)
    with pytest.raises(ProtectedError, match=r"billing.close"):
        ada.delete()


def test_what_was_turned_off_before_it_was_begun_at_stripe_is_not_begun(shop, ada, outage):
    agree(ada)
    run_low(ada)
    with outage(after=2), pytest.raises(StripeUnavailable):
        charging.charge(ada.credit_account)
    topup.turn_off(ada)
    assert (attempts(), shop.sandbox.all("invoice")) == (["canceled"], [])
