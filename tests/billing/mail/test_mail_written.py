"""Which letters are written, and to whom."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.management import call_command
from django.test import TestCase
from django.utils import timezone
from djstripe.models import WebhookEndpoint, WebhookEventTrigger

from quickscale_billing import billing, facts, mail, payment_methods, refunds, stopping, subscriptions
from quickscale_billing.models import AutoTopUp, CreditPack, Customer, Mail, Payment, Receipt
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.ledger.accounts import open_account
from tests.billing.letters import SETTINGS, both_say, buy, sent, spend_below
from tests.billing.time import Calendar

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.once]

DAY = timedelta(days=1)


def test_nothing_is_written_where_nobody_asked_for_mail(shop, buyer, settings):
    settings.QUICKSCALE_BILLING = {}
    buy(shop, buyer, "large")
    spend_below(buyer, settings)
    call_command("write_reminders", verbosity=0)
    assert not Mail.objects.exists()


def test_only_the_kinds_that_are_named_are_sent(shop, buyer, settings):
    settings.QUICKSCALE_BILLING = SETTINGS | {"MAIL": ["refund_made"]}
    buy(shop, buyer, "large")
    refunds.refund(Payment.objects.get(), reason="asked", actor=buyer)
    sent("refund_made")


def test_a_receipt_has_its_pdf_and_a_refund_says_what_went_back(shop, buyer):
    buy(shop, buyer, "large")
    facts.settle_session(Payment.objects.get().stripe_session_id)  # once more changes nothing
    [receipt] = sent("receipt")
    number = Receipt.objects.get().number
    assert (receipt.to, receipt.subject) == (["ada@example.com"], f"Receipt {number}")
    [(name, content, kind)] = receipt.attachments
    assert (name, content[:5], kind) == (f"{number}.pdf", b"%PDF-", "application/pdf")
    both_say(receipt, "49.00 USD", "1000 credits", "https://shop.example/billing/receipts/", "Inkwell Ltd")
    refunds.refund(Payment.objects.get(), amount=1470, reason="asked", actor=buyer)
    [refund] = sent("refund_made")
    assert refund.subject == "14.70 USD is paid back"
    both_say(refund, "14.70 USD", "1000 credits", "https://shop.example/billing/history/")


def test_a_dispute_is_told_to_the_owner_and_to_staff_and_an_inquiry_to_staff_alone(shop, buyer):
    buy(shop, buyer, "large")
    sent("receipt")
    dispute = shop.dispute(Payment.objects.get().stripe_charge_id, inquiry=True)
    [alert] = sent("dispute_alert")
    assert (alert.to, alert.subject) == (["boss@shop.example"], "Inquiry about 49.00 USD of ada")
    shop.escalate(dispute)
    told, alert = sorted(sent("dispute_opened", "dispute_alert"), key=lambda each: each.to)
    assert (told.to, alert.subject) == (["ada@example.com"], "Dispute of 49.00 USD of ada")
    both_say(told, "1,050 credits", "49.00 USD")
    both_say(alert, "https://shop.example/admin/quickscale_billing/payment/", "fraudulent")
    shop.close_dispute(dispute, "lost")
    sent()


def test_each_attempt_that_fails_is_told_and_the_end_once(shop, buyer, clock):
    calendar = Calendar(clock, shop)
    buy(shop, buyer, "basic")
    sent("receipt")
    shop.decline_next(subscriptions.current(buyer).stripe_customer_id)
    calendar.shift(timedelta(days=31, hours=2))
    [failed] = sent("payment_failed")
    assert failed.subject == "Your payment did not go through"
    both_say(failed, "Basic", "https://shop.example/billing/payment-methods/", "Pay this invoice now")
    facts.settle_subscription(subscriptions.current(buyer).stripe_id)
    sent()


def test_a_cancellation_is_told_when_it_is_decided_and_its_end_is_no_news(shop, buyer, clock):
    buy(shop, buyer, "pro")
    sent("receipt")
    subscriptions.cancel(buyer)
    [canceled] = sent("subscription_canceled")
    assert canceled.subject == "Your subscription is canceled"
    both_say(canceled, "Pro goes on until Feb. 15, 2026", "https://shop.example/billing/subscription/")
    subscriptions.resume(buyer)
    subscriptions.cancel(buyer)
    Calendar(clock, shop).shift(timedelta(days=31, hours=2))
    assert subscriptions.current(buyer) is None
    sent()


def test_what_is_not_so_any_more_is_not_told(shop, buyer):
    buy(shop, buyer, "pro")
    sent("receipt")
    subscriptions.cancel(buyer)
    subscriptions.resume(buyer)
    shop.close_dispute(shop.dispute(Payment.objects.get().stripe_charge_id), "won")
    outbox.outbox.clear()
    call_command("send_mail", verbosity=0)
    assert outbox.outbox == []
    dropped = Mail.objects.filter(state="dropped").order_by("kind")
    assert list(dropped.values_list("kind", "problem")) == [
        ("dispute_alert", "The dispute is over."),
        ("dispute_opened", "The dispute is over."),
        ("subscription_canceled", "It was resumed."),
    ]


def test_a_subscription_that_ends_at_once_is_told_so(shop, buyer):
    buy(shop, buyer, "pro")
    sent("receipt")
    subscriptions.cancel(buyer, at_period_end=False)
    [ended] = sent("subscription_canceled")
    assert ended.subject == "Your subscription has ended"


def test_a_card_is_told_once_before_it_ends(shop, buyer, clock):
    buy(shop, buyer, "pro")
    sent("receipt")
    card = shop.sandbox.all("payment_method")[0]["card"]
    card["exp_month"], card["exp_year"] = 3, 2026
    call_command("write_reminders", verbosity=0)
    sent()
    clock.shift(47 * DAY)
    for _ in range(2):
        call_command("write_reminders", verbosity=0)
    [told] = sent("card_expiring")
    assert told.subject == "Your card expires soon"
    both_say(told, "4242", "03/2026", "https://shop.example/billing/payment-methods/")
    clock.shift(60 * DAY)
    call_command("write_reminders", verbosity=0)
    sent()


def test_the_card_of_an_auto_top_up_is_told_too(shop, buyer, clock):
    buy(shop, buyer, "large")
    stripe_client().v1.payment_methods.attach("pm_card_visa", {"customer": Customer.objects.get().stripe_id})
    card = shop.sandbox.all("payment_method")[-1]
    payment_methods.set_default(buyer, card["id"])
    card["card"]["exp_month"], card["card"]["exp_year"] = 1, 2026
    call_command("write_reminders", verbosity=0)
    sent("receipt")
    agree(buyer)
    call_command("write_reminders", verbosity=0)
    sent("card_expiring")


def agree(buyer: Any) -> AutoTopUp:
    terms = {"credits": 1000, "bonus_credits": 50, "amount": 4900, "currency": "usd"}
    pack = CreditPack.objects.get(slug="large")
    return AutoTopUp.objects.create(account=open_account(buyer), pack=pack, threshold=10, monthly_cap=9800, **terms)


def test_cards_of_what_is_not_renewed_are_nobodys_concern(shop, buyer):
    buy(shop, buyer, "pro")
    subscriptions.cancel(buyer)
    sent("receipt", "subscription_canceled")
    shop.sandbox.all("payment_method")[0]["card"]["exp_year"] = 2025
    call_command("write_reminders", verbosity=0)
    sent()


def test_a_balance_that_falls_below_its_threshold_is_told_once_for_each_crossing(ada, settings):
    spend_below(ada, settings)
    with TestCase.captureOnCommitCallbacks(execute=True):
        ledger.spend(ada, 1, reason="work")
    [low] = sent("credits_low")
    both_say(low, "15 credits are left; you are told below 20", "https://shop.example/billing/")
    spend_below(ada, settings)
    sent("credits_low")


def test_credits_that_expire_soon_are_told_once_for_each_day(ada, clock):
    now = timezone.now()
    for days, amount in ((30, 100), (30, 50), (32, 7), (200, 1000), (13, 40)):
        ledger.grant(ada, amount, expires_at=now + days * DAY)
    call_command("write_reminders", verbosity=0)
    sent()
    clock.shift(24 * DAY)  # the one of 13 days has gone: it was given for too short a time to be told
    for _ in range(2):
        call_command("write_reminders", verbosity=0)
    [soon] = sent("credits_expiring")
    both_say(soon, "150 credits expire on Feb. 14, 2026", "https://shop.example")
    clock.shift(2 * DAY)
    call_command("write_reminders", verbosity=0)
    [soon] = sent("credits_expiring")
    both_say(soon, "7 credits expire on Feb. 16, 2026")


def test_a_top_up_that_was_stopped_is_told_with_its_reason_unless_the_owner_did_it(shop, ada):
    for reason in (AutoTopUp.Reason.OWNER, AutoTopUp.Reason.DECLINED):
        AutoTopUp.objects.all().delete()
        stopping.stop(agree(ada).account, reason)
    [told] = sent("top_up_stopped")
    both_say(told, "Three payments in a row failed.", "https://shop.example/billing/top-up/")


def refused_at(endpoint: Any, **kept: Any) -> None:
    WebhookEventTrigger.objects.create(webhook_endpoint=endpoint, remote_ip="192.0.2.1", headers={}, body="", **kept)


def sweep_after(clock: Any, step: timedelta) -> None:
    clock.shift(step)
    call_command("settle_facts", verbosity=0)


def test_staff_is_told_of_refused_webhooks_at_most_once_in_an_hour(shop, buyer, clock):
    endpoint = WebhookEndpoint.objects.get()
    for _ in range(30):
        refused_at(endpoint)
    sweep_after(clock, timedelta(seconds=30))
    assert sent() == []  # they may be being checked
    for minutes in (1, 20, 39):
        sweep_after(clock, timedelta(minutes=minutes))
        refused_at(endpoint)
    [letter] = sent("webhooks_refused")
    assert letter.to == ["boss@shop.example"]
    both_say(letter, ": 30.", "at most once an hour")
    sweep_after(clock, timedelta(minutes=2))
    both_say(sent("webhooks_refused")[0], ": 3.")
    sweep_after(clock, 3 * timedelta(hours=1))
    assert sent() == []


def test_what_was_believed_is_told_to_nobody(shop, buyer, clock):
    refused_at(WebhookEndpoint.objects.get(), valid=True)
    sweep_after(clock, timedelta(minutes=5))
    assert sent() == []


def test_whoever_is_closed_is_written_to_no_more_and_forgotten(shop, buyer):
    buy(shop, buyer, "pro")
    sent("receipt")
    mail.tell(Mail.Kind.CARD_EXPIRING, "1", buyer.credit_account, about={"card": "Visa 4242", "month": "03/2026"})
    billing.close(buyer)
    assert not Mail.objects.due().exists()
    kept = str(list(Mail.objects.values()))
    assert "ada@example.com" not in kept
    assert "4242" not in kept


def test_addresses_of_owners_who_were_deleted_are_forgotten_also_if_they_were_written_to_after_the_closing(ada):
    account = open_account(ada)
    billing.close(ada)
    mail.tell(Mail.Kind.CREDITS_LOW, "1", account, about={"available": "1", "threshold": "2"})
    sent("credits_low")
    ada.delete()
    call_command("write_reminders", verbosity=0)
    assert Mail.objects.get().to == ""
