"""A pack that is bought by itself: when it is due, what comes of it, and when it is not bought any more."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db.models import ProtectedError
from django.utils import timezone

from quickscale_billing import billing, charging, checkout, facts, history, payment_methods, refunds, signals, topup
from quickscale_billing.exceptions import (
    DisputeOpen,
    NoPaymentMethod,
    PackChanged,
    StripeUnavailable,
    UnknownItem,
    Unsettled,
)
from quickscale_billing.models import (
    AutoTopUp,
    CreditPack,
    Customer,
    Fact,
    Invoice,
    Payment,
    Purchase,
    TopUp,
    TopUpConsent,
)
from quickscale_billing.stripe.client import stripe_client
from quickscale_billing.testing.checkout import Payer, method_for
from quickscale_billing.testing.resources import attaching
from quickscale_credits import analytics, ledger
from quickscale_credits.analytics.answers import ask
from quickscale_credits.testing import assert_balance
from tests.billing.time import Calendar
from tests.billing.topping import CHALLENGED_LATER, DECLINED_LATER, add_card, agree, attempts, charges, run_low
from tests.billing.transactions import rolled_back
from tests.billing.webhooks import connect

pytestmark = pytest.mark.once

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def offered(clock: Any, shop: Any, settings: Any) -> None:
    settings.QUICKSCALE_BILLING = {"AUTO_TOP_UP": True}


@pytest.fixture
def stranger(clock: Any, shop: Any, db: None) -> Any:
    """Who has no card yet."""
    connect(shop)
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def ada(shop: Any, stranger: Any) -> Any:
    add_card(shop, stranger)
    return stranger


@pytest.fixture
def calendar(clock: Any, shop: Any) -> Calendar:
    return Calendar(clock, shop)


@pytest.fixture
def stopped() -> Iterator[list[str]]:
    """Why owners were told that nothing is bought any more."""
    reasons: list[str] = []

    def note(auto_top_up: AutoTopUp, **kwargs: Any) -> None:
        reasons.append(auto_top_up.reason)

    signals.top_up_stopped.connect(note)
    yield reasons
    signals.top_up_stopped.disconnect(note)


def sweep() -> None:
    call_command("top_up", verbosity=0)


def reason() -> str:
    return AutoTopUp.objects.get().reason


def test_a_pack_is_bought_when_less_than_the_threshold_is_available(shop, ada):
    agree(ada)
    run_low(ada)
    sweep()
    assert_balance(ada, 105)
    assert charges(shop) == [700]
    sweep()
    assert charges(shop) == [700]


def test_at_the_threshold_nothing_is_bought(shop, ada):
    agree(ada)
    ledger.grant(ada, 20)
    sweep()
    assert charges(shop) == []


def test_credits_that_are_held_are_not_available(shop, ada):
    agree(ada)
    ledger.grant(ada, 25)
    hold = ledger.hold(ada, 6, reason="work")
    sweep()
    assert charges(shop) == [700]
    ledger.release(hold)
    assert_balance(ada, 125)


def test_it_is_a_purchase_with_an_invoice_a_payment_and_a_fact(shop, ada):
    agree(ada, "large", monthly_cap=4900)
    run_low(ada)
    sweep()
    bought, paid, invoice = Purchase.objects.get(), Payment.objects.get(), Invoice.objects.get()
    assert (bought.amount, bought.payment, bought.entry.amount, bought.top_up.status) == (4900, paid, 1050, "paid")
    assert (paid.invoice, invoice.status, invoice.subscription) == (invoice, "paid", None)
    fact = Fact.objects.get(kind=Fact.Kind.TOP_UP)
    assert (fact.key, fact.entry.grant.credit_type) == (f"topup:{invoice.stripe_id}", "pay_as_you_go")


def test_tax_comes_on_top_and_counts_towards_the_cap(shop, ada, settings):
    settings.QUICKSCALE_BILLING |= {"CHECKOUT": {"automatic_tax": {"enabled": True}}}
    shop.tax_percent = 20
    agree(ada, monthly_cap=1600)
    run_low(ada)
    sweep()
    assert (Payment.objects.get().amount, Payment.objects.get().tax) == (840, 140)
    run_low(ada)
    sweep()
    assert (charges(shop), attempts()) == ([840], ["canceled", "paid"])
    sweep()
    assert len(attempts()) == 2


@pytest.mark.parametrize(
    ("cap", "charged", "why"), [(700, [], "cap_too_low"), (839, [], "cap_too_low"), (840, [840], "")]
)
def test_a_cap_that_leaves_no_room_for_the_tax_in_any_month_turns_it_off(
    shop, ada, settings, stopped, django_capture_on_commit_callbacks, cap, charged, why
):
    settings.QUICKSCALE_BILLING |= {"CHECKOUT": {"automatic_tax": {"enabled": True}}}
    shop.tax_percent = 20
    agree(ada, monthly_cap=cap)
    run_low(ada)
    with django_capture_on_commit_callbacks(execute=True):
        sweep()
        sweep()
    assert (charges(shop), reason(), stopped) == (charged, why, [why] if why else [])
    assert len(attempts()) == 1


def test_without_tax_a_cap_of_the_price_buys_one_a_month(shop, ada):
    agree(ada, monthly_cap=700)
    for _ in range(2):
        run_low(ada)
        sweep()
    assert (charges(shop), reason()) == ([700], "")


def test_the_history_and_the_timeline_list_it(shop, ada):
    agree(ada)
    run_low(ada)
    sweep()
    told = {row.kind: row for row in history.statement(ada)}
    assert (told["payment"].title, told["payment"].credits, told["payment"].amount) == ("100 credits", 100, 700)
    assert told["invoice"].detail == "Auto top-up"
    assert b"%PDF" in history.receipt(Payment.objects.get())


def test_the_figures_count_it_under_its_pack(shop, ada):
    agree(ada)
    run_low(ada)
    sweep()
    told = ask(analytics.registry["revenue"], analytics.Period.last_days(7))
    figures = {(figure.key, figure.currency): figure.value for figure in told.figures}
    assert (figures["gross", "usd"], figures["payments", ""], figures["top-ups", ""]) == (700, 1, 1)
    assert [row[:3] for row in told.tables[0].rows] == [["100 credits", 1, 700]]


def test_the_cap_of_a_month_is_never_passed_and_the_next_month_is_another(shop, ada, calendar):
    agree(ada, monthly_cap=1500)
    for _ in range(4):
        run_low(ada)
        sweep()
    assert charges(shop) == [700, 700]
    assert AutoTopUp.objects.get().next_attempt_at.isoformat() == "2026-02-01T00:00:00+00:00"
    calendar.shift(timedelta(days=17))
    sweep()
    assert charges(shop) == [700, 700, 700]


def test_what_waits_since_last_month_counts_when_it_is_paid(shop, stranger, calendar):
    add_card(shop, stranger, CHALLENGED_LATER)
    agree(stranger, monthly_cap=1000)
    run_low(stranger)
    calendar.shift(timedelta(days=16, hours=11))  # 31 January, 23:00
    sweep()
    calendar.shift(2 * HOUR)
    confirm(shop)
    assert (attempts(), AutoTopUp.objects.get().counted) == (["paid"], 700)
    run_low(stranger)
    sweep()
    assert charges(shop) == [700]


def confirm(shop: Any) -> None:
    """On Stripe's page of the invoice."""
    shop.webhooks.hold()
    body = urlencode({"cardNumber": "4242424242424242"}).encode()
    urlopen(TopUp.objects.pending().get().hosted_url, body).close()
    shop.webhooks.deliver()


def test_a_card_that_declines_is_tried_after_one_hour_then_two_and_then_no_more(
    shop, stranger, calendar, stopped, django_capture_on_commit_callbacks
):
    add_card(shop, stranger, DECLINED_LATER)
    agree(stranger)
    run_low(stranger)
    with django_capture_on_commit_callbacks(execute=True):
        for wait, number in [(0, 1), (0.9, 1), (0.2, 2), (1.8, 2), (0.3, 3), (99, 3)]:
            calendar.shift(wait * HOUR)
            sweep()
            assert attempts() == ["declined"] * number
    assert (reason(), stopped, charges(shop)) == ("declined", ["declined"], [])
    assert {invoice["status"] for invoice in shop.sandbox.all("invoice")} == {"void"}
    assert TopUp.objects.last().problem == "Your card was declined."


def test_a_payment_that_succeeds_lets_the_failures_be_forgotten(shop, ada, calendar):
    agree(ada)
    run_low(ada)
    shop.decline_next()
    sweep()
    assert AutoTopUp.objects.get().failures == 1
    calendar.shift(HOUR)
    sweep()
    assert (attempts(), AutoTopUp.objects.get().failures) == (["declined", "paid"], 0)


def test_a_bank_that_wants_the_owner_leaves_a_page_to_confirm_on(shop, stranger):
    add_card(shop, stranger, CHALLENGED_LATER)
    agree(stranger)
    run_low(stranger)
    sweep()
    waiting = TopUp.objects.get()
    assert (waiting.status, waiting.hosted_url) == ("needs_action", Invoice.objects.get().hosted_url)
    sweep()
    assert attempts() == ["needs_action"]
    confirm(shop)
    assert (attempts(), charges(shop)) == (["paid"], [700])
    assert_balance(stranger, 105)


def test_what_nobody_confirms_for_three_days_is_given_up_and_has_failed(shop, stranger, calendar):
    add_card(shop, stranger, CHALLENGED_LATER)
    agree(stranger)
    run_low(stranger)
    sweep()
    calendar.shift(timedelta(days=3, minutes=1))
    sweep()
    assert attempts() == ["declined"]
    assert AutoTopUp.objects.get().failures == 1
    assert shop.sandbox.all("invoice")[0]["status"] == "void"


def test_a_bank_debit_that_is_on_its_way_is_waited_for(shop, stranger, calendar):
    add_card(shop, stranger)
    agree(stranger)
    run_low(stranger)
    with shop.acting():
        method = method_for(shop.sandbox, "DE08370400440532013003", Payer())
        attaching.bind(shop.sandbox, method, shop.find(Customer.objects.get()))
    payment_methods.set_default(stranger, method["id"])
    sweep()
    assert attempts() == ["requested"]
    calendar.clock.shift(timedelta(minutes=6))
    sweep()
    assert attempts() == ["requested"]
    shop.clock.advance(timedelta(minutes=6))
    assert attempts() == ["paid"]


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


def test_what_was_agreed_is_kept_with_who_said_so_and_when(ada):
    agreed = agree(ada)
    assert (agreed.consented_by, agreed.consented_at) == (str(ada.pk), timezone.now())
    assert (agreed.consent_wording, agreed.amount, agreed.threshold) == ("Charge my card.", 700, 20)
    assert topup.current(ada) == agreed


def test_each_time_that_somebody_agreed_is_kept(ada, calendar):
    began = timezone.now()
    agree(ada)
    calendar.shift(HOUR)
    topup.turn_on(ada, "large", threshold=30, monthly_cap=9000, wording="More of it.", actor=ada)
    second, first = TopUpConsent.objects.all()
    assert (first.consented_at, first.consent_wording, first.monthly_cap) == (began, "Charge my card.", 7000)
    assert (first.pack.slug, first.amount, first.currency, first.given) == ("small", 700, "usd", 100)
    assert (second.consented_by, second.consent_wording, second.threshold) == (str(ada.pk), "More of it.", 30)
    billing.close(ada)
    assert set(TopUpConsent.objects.values_list("consented_by", "consent_wording")) == {("", "")}


def test_what_cannot_be_meant_is_refused(ada):
    for wrong in ({"threshold": 101}, {"threshold": 0}, {"monthly_cap": 699}, {"monthly_cap": 7.5}):
        with pytest.raises(ValueError, match="not "):
            agree(ada, **wrong)
    for pack in ("pro", "none"):
        with pytest.raises(UnknownItem):
            agree(ada, pack)
    for consent in ({"wording": " ", "actor": ada}, {"wording": "Yes.", "actor": None}):
        with pytest.raises(ValueError, match="agreed"):
            topup.turn_on(ada, "small", threshold=20, monthly_cap=700, **consent)
    assert topup.current(ada) is None


@pytest.mark.parametrize("changed", [{"amount": 600}, {"credits": 99}, {"currency": "eur"}])
def test_who_was_shown_another_pack_has_agreed_to_nothing(ada, changed):
    shown = topup.offer_of(CreditPack.objects.get(slug="small"))
    CreditPack.objects.filter(slug="small").update(**changed)
    with pytest.raises(PackChanged, match="ask again"):
        agree(ada, offer=shown)
    assert (topup.current(ada), TopUpConsent.objects.count()) == (None, 0)
    assert agree(ada, offer=topup.offer_of(CreditPack.objects.get(slug="small"))).is_as_agreed


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


def test_what_was_paid_since_a_copy_of_the_database_was_made_is_given(shop, ada):
    agree(ada)
    run_low(ada)
    with rolled_back():
        sweep()
    facts.settle_invoice(shop.sandbox.all("invoice")[0]["id"])
    assert (charges(shop), attempts()) == ([700], ["paid"])
    assert_balance(ada, 105)


def test_whose_customer_or_pack_is_not_here_is_said(shop, ada):
    agree(ada)
    run_low(ada)
    with rolled_back():
        sweep()
    CreditPack.objects.update(stripe_price_id=None)
    with pytest.raises(Unsettled, match="link both to an account and a pack"):
        facts.settle_invoice(shop.sandbox.all("invoice")[0]["id"])


def test_what_was_turned_off_before_it_was_begun_at_stripe_is_not_begun(shop, ada, outage):
    agree(ada)
    run_low(ada)
    with outage(after=2), pytest.raises(StripeUnavailable):
        charging.charge(ada.credit_account)
    topup.turn_off(ada)
    assert (attempts(), shop.sandbox.all("invoice")) == (["canceled"], [])


def test_a_customer_who_was_deleted_at_stripe_is_not_charged_and_keeps_nobody_else_from_it(shop, ada):
    grace = get_user_model().objects.create_user("grace", email="grace@example.com")
    add_card(shop, grace)
    for each in (ada, grace):
        agree(each)
        run_low(each)
    shop.find(Customer.objects.get(account=ada.credit_account))["deleted"] = True
    sweep()
    assert charges(shop) == [700]
    assert_balance(grace, 105)
    assert ada.credit_account.auto_top_up.reason == "no_method"


def test_a_subscriber_s_card_is_charged_though_it_is_the_default_of_the_subscription_alone(shop, stranger):
    session = checkout.start(stranger, "basic")
    shop.pay(session)
    facts.settle_session(session.stripe_id)
    agree(stranger, threshold=100)
    ledger.spend(stranger, 450, reason="work")
    sweep()
    assert charges(shop) == [900, 700]


def test_a_job_may_name_an_account_that_is_not_there(shop, ada):
    charging.look_at(0)
