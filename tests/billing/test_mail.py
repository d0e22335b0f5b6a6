"""Which letters are written, to whom, and what they say."""

from datetime import timedelta
from html.parser import HTMLParser
from typing import Any, Self

import pytest
from django.contrib.auth import get_user_model
from django.core import mail as outbox
from django.core.management import call_command
from django.test import TestCase
from django.utils import timezone, translation
from djstripe.models import WebhookEndpoint, WebhookEventTrigger

from quickscale_billing import billing, checkout, facts, mail, payment_methods, refunds, stopping, subscriptions
from quickscale_billing.mail.readers import staff
from quickscale_billing.models import (
    AutoTopUp,
    CreditPack,
    Customer,
    Dispute,
    Invoice,
    Mail,
    Payment,
    Plan,
    PlanPrice,
    PlanSubscription,
    Receipt,
    Refund,
)
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.models import CreditAccount
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.once]

DAY = timedelta(days=1)
SETTINGS = {"MAIL": "all", "SELLER": {"name": "Inkwell Ltd"}, "SITE_URL": "https://shop.example"}
PAYLOADS = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "'); alert(1); ('",
    "{{ site_url }}",
    "a\r\nBcc: b@x.y",
]


@pytest.fixture
def ada(db: None, settings: Any) -> Any:
    """Of a site that sends all its mail."""
    settings.QUICKSCALE_BILLING = SETTINGS | {"MAIL_STAFF": ["boss@shop.example"]}
    return get_user_model().objects.create_user("ada", email="ada@example.com", first_name="Ada", last_name="Lovelace")


@pytest.fixture
def buyer(clock: Any, shop: Any, ada: Any) -> Any:
    connect(shop)
    return ada


def buy(shop: Any, buyer: Any, item: str, **options: Any) -> None:
    session = checkout.start(buyer, item, **options)
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))


def sent(*kinds: str) -> list[Any]:
    """The letters that go out now; all that wait must be of these kinds."""
    assert sorted(Mail.objects.due().values_list("kind", flat=True)) == sorted(kinds)
    outbox.outbox.clear()
    call_command("send_mail", verbosity=0)
    assert set(Mail.objects.values_list("state", flat=True)) <= {"sent"}
    return list(outbox.outbox)


def html_of(letter: Any) -> str:
    [(content, kind)] = letter.alternatives
    assert kind == "text/html"
    return str(content)


def both_say(letter: Any, *words: str) -> None:
    for each in words:
        assert each in letter.body, (each, letter.body)
        assert each in html_of(letter), each


def spend_below(owner: Any, settings: Any) -> None:
    """From 30 or more to 15."""
    settings.QUICKSCALE_CREDITS = {"LOW_BALANCE_THRESHOLD": 20}
    ledger.grant(owner, 30)
    with TestCase.captureOnCommitCallbacks(execute=True):
        ledger.spend(owner, ledger.balance(owner).total - 15, reason="work")


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


def test_the_owner_reads_it_in_their_language_and_time(ada, settings):
    settings.QUICKSCALE_BILLING = SETTINGS | {"MAIL_READER": f"{__name__}.in_germany"}
    about = {"credits": "1234.5", "expires_at": "2026-02-13T23:30:00+00:00"}
    mail.tell(Mail.Kind.CREDITS_EXPIRING, "1", open_account(ada), about=about)
    [told] = sent("credits_expiring")
    assert told.to == ["ada@example.com", "books@example.com"]
    both_say(told, "1.234,5", "14. Februar 2026")
    assert '<html lang="de">' in html_of(told)
    row = Mail.objects.get()
    assert (row.to, row.language) == ("ada@example.com, books@example.com", "de")
    assert translation.get_language() == "en-us"


def test_who_caused_it_does_not_choose_the_language_of_its_reader(ada):
    mail.tell(Mail.Kind.TOP_UP_STOPPED, "1", open_account(ada), about={"reason": "declined"})
    with translation.override("ar"):
        [told] = sent("top_up_stopped")
    assert '<html lang="en-us">' in html_of(told)


def in_germany(owner: Any) -> mail.Reader:
    return mail.Reader(to=[owner.email, "books@example.com"], language="de", time_zone="Europe/Berlin")


def test_a_reader_has_a_list_of_addresses():
    with pytest.raises(TypeError, match="list of addresses"):
        mail.Reader(to="ada@example.com")


@pytest.mark.parametrize("admins", [["boss@shop.example"], [("Boss", "boss@shop.example")]])
def test_staff_are_the_admins_unless_somebody_else_is_named(settings, admins):
    settings.ADMINS = admins
    settings.QUICKSCALE_BILLING = {}
    assert staff() == ["boss@shop.example"]
    settings.QUICKSCALE_BILLING = {"MAIL_STAFF": []}
    assert staff() == []


def test_a_host_overrides_a_letter_by_its_own_templates(ada, settings, tmp_path):
    folder = tmp_path / "quickscale_billing" / "mail"
    folder.mkdir(parents=True)
    (folder / "credits_low.txt").write_text("Few left\n\n{{ available }} of {{ threshold }}, {{ owner.first_name }}")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [tmp_path]}]
    spend_below(ada, settings)
    [low] = sent("credits_low")
    assert (low.subject, low.body) == ("Few left", "15 of 20, Ada\n")
    assert "<h1" in html_of(low)


@pytest.mark.parametrize("name", PAYLOADS)
def test_names_have_no_effect_in_a_letter(ada, settings, name):
    """In HTML they are text, in a header they stay one line, and only pages are linked."""
    settings.QUICKSCALE_BILLING = SETTINGS | {"SELLER": {"name": name}, "MAIL_STAFF": ["boss@shop.example"]}
    get_user_model().objects.update(username=name)
    account = open_account(ada)
    for kind, about in everything_called(name, account).items():
        mail.tell(kind, "1", account, about=about)
    for letter in sent(*Mail.Kind):
        found = Elements.of(html_of(letter))
        assert found.tags <= {"html", "head", "meta", "title", "body", "div", "h1", "p", "a", "br"}
        assert found.attributes <= {"lang", "charset", "name", "content", "style", "href"}
        assert all(link.startswith("https://shop.example") for link in found.links)
        assert " ".join(name.split()) in " ".join(found.text.split())
        message = letter.message()
        assert (message["Bcc"], "\n" in letter.subject) == (None, False)


def everything_called(name: str, account: CreditAccount) -> dict[Mail.Kind, dict[str, Any]]:
    """Rows in which whatever can have a name has this one, and what each kind of letter is about."""
    now = timezone.now()
    plan = Plan.objects.create(slug="plan", name=name, credits=1)
    price = PlanPrice.objects.create(plan=plan, interval="month", amount=900, currency="usd")
    subscription = PlanSubscription.objects.create(
        account=account,
        stripe_id="sub_1",
        price=price,
        status="canceled",
        created_at=now,
        retrieved_at=now,
        ended_at=now,
    )
    invoice = Invoice.objects.create(
        account=account,
        subscription=subscription,
        stripe_id="in_1",
        status="open",
        created_at=now,
        currency="usd",
        hosted_url=f"javascript:{name}",
    )
    payment = Payment.objects.create(account=account, invoice=invoice, amount=900, currency="usd")
    refund = Refund.objects.create(payment=payment, amount=900, currency="usd", reason=name)
    dispute = Dispute.objects.create(
        payment=payment,
        stripe_id="dp_1",
        amount=900,
        currency="usd",
        reason=name[:64],
        status="needs_response",
        opened_at=now,
    )
    return {
        Mail.Kind.RECEIPT: {"payment": payment.pk},
        Mail.Kind.PAYMENT_FAILED: {"invoice": invoice.pk},
        Mail.Kind.CARD_EXPIRING: {"card": name, "month": "03/2026", "has_expired": False},
        Mail.Kind.SUBSCRIPTION_CANCELED: {"subscription": subscription.pk},
        Mail.Kind.REFUND_MADE: {"refund": refund.pk},
        Mail.Kind.DISPUTE_OPENED: {"dispute": dispute.pk},
        Mail.Kind.DISPUTE_ALERT: {"dispute": dispute.pk},
        Mail.Kind.CREDITS_LOW: {"available": "1", "threshold": "2"},
        Mail.Kind.CREDITS_EXPIRING: {"credits": "1", "expires_at": now.isoformat()},
        Mail.Kind.TOP_UP_STOPPED: {"reason": "declined"},
        Mail.Kind.WEBHOOKS_REFUSED: {"count": 1, "since": now.isoformat()},
    }


class Elements(HTMLParser):
    """What a reader's program makes of a letter."""

    @classmethod
    def of(cls, html: str) -> Self:
        found = cls()
        found.tags, found.attributes, found.links, found.text = set(), set(), [], ""
        found.feed(html)
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


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
