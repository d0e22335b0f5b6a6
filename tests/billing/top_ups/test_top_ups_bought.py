"""A pack that is bought by itself: when it is due, and what comes of it."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model

from quickscale_billing import charging, checkout, facts, history, payment_methods
from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import AutoTopUp, CreditPack, Customer, Fact, Invoice, Payment, Purchase, TopUp
from quickscale_billing.testing.checkout import Payer, method_for
from quickscale_billing.testing.resources import attaching
from quickscale_credits import analytics, ledger
from quickscale_credits.analytics.answers import ask
from quickscale_credits.testing import assert_balance
from tests.billing.topping import (
    CHALLENGED_LATER,
    DECLINED_LATER,
    add_card,
    agree,
    attempts,
    charges,
    confirm,
    reason,
    run_low,
    sweep,
)
from tests.billing.transactions import rolled_back

pytestmark = pytest.mark.once

HOUR = timedelta(hours=1)


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
