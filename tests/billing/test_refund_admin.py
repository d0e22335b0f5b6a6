"""Paying back in the admin: who may, what is asked, and what it leaves behind."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client

from quickscale_billing import checkout, facts, subscriptions
from quickscale_billing.models import Payment, PlanSubscription, Refund
from quickscale_credits import ledger
from tests.billing.damaging import damaged

pytestmark = [pytest.mark.usefixtures("clock"), pytest.mark.once]


@pytest.fixture
def buyer(shop: Any, db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def paid(shop: Any, buyer: Any, item: str) -> Payment:
    session = checkout.start(buyer, item)
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))
    return Payment.objects.latest("pk")


def staff(*permissions: str) -> Client:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def form_of(browser: Client, address: str) -> dict[str, Any]:
    form = browser.get(address).context["form"]
    return {name: field.initial() if callable(field.initial) else field.initial for name, field in form.fields.items()}


def logged() -> list[str]:
    return [entry.change_message for entry in LogEntry.objects.order_by("pk")]


def at_stripe(shop: Any, kind: str, member: str) -> list[Any]:
    return [each[member] for each in shop.sandbox.all(kind)]


def address_of(payment: Payment) -> str:
    return f"/admin/quickscale_billing/payment/{payment.pk}/refund/"


def test_the_form_pays_back_once_and_leaves_the_reason_in_the_log(shop, buyer):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    assert (
        address_of(payment) in browser.get(f"/admin/quickscale_billing/payment/{payment.pk}/change/").content.decode()
    )
    sent = form_of(browser, address_of(payment)) | {"amount": "24.50", "reason": "Bought twice"}
    for _ in range(2):
        assert browser.post(address_of(payment), sent).status_code == 302
    assert [(refund.amount, refund.reason) for refund in Refund.objects.all()] == [(2450, "Bought twice")]
    assert ledger.balance(buyer).total == 525
    assert logged() == ["To be paid back: 24.50 USD: Bought twice"]


def test_a_form_that_paid_all_back_is_answered_the_second_time_as_the_first(shop, buyer):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"reason": "all"}
    pages = [browser.post(address_of(payment), sent, follow=True).content.decode() for _ in range(2)]
    assert all("49.00 USD is paid back (Succeeded)." in page for page in pages)
    assert (at_stripe(shop, "refund", "amount"), len(logged())) == ([4900], 1)


def test_a_form_that_is_sent_again_with_another_amount_is_to_be_opened_anew(shop, buyer):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"amount": "24.50", "reason": "half"}
    browser.post(address_of(payment), sent)
    answer = browser.post(address_of(payment), sent | {"amount": "10"})
    assert "With this form 24.50 USD were asked for already" in answer.content.decode()
    assert at_stripe(shop, "refund", "amount") == [2450]


def test_the_form_of_another_payment_is_refused(shop, buyer):
    first, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    second = paid(shop, buyer, "large")
    sent = form_of(browser, address_of(first)) | {"reason": "all"}
    browser.post(address_of(first), sent)
    answer = browser.post(address_of(second), sent)
    assert "sent for another payment already" in answer.content.decode()
    assert (at_stripe(shop, "refund", "amount"), len(logged())) == ([4900], 1)


@pytest.mark.parametrize("amount", ["0", "49.01", "1.001", "-5", "x", "1E+999999"])
def test_an_amount_that_cannot_be_is_refused(shop, buyer, amount):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"amount": amount, "reason": "odd"}
    assert browser.post(address_of(payment), sent).status_code == 200
    assert not Refund.objects.exists()


@pytest.mark.parametrize("by", ["the form again", "the sweep"])
@pytest.mark.parametrize("answers", range(8))
def test_a_refund_that_cancels_is_finished_once_wherever_stripe_stopped_answering(
    shop, buyer, outage, clock, answers, by
):
    payment, browser = paid(shop, buyer, "pro"), staff("view_payment", "refund_payment")
    subscriptions.change_plan(buyer, "basic")  # a schedule holds it
    sent = form_of(browser, address_of(payment)) | {"reason": "gone", "cancel": "on"}
    with outage(after=answers):
        browser.post(address_of(payment), sent)
    message = "To be paid back: 49.00 USD, and the subscription to be canceled now: gone"
    assert logged() == [message, message]
    if by == "the sweep":
        clock.shift(timedelta(minutes=10))
        call_command("settle_facts", verbosity=0)
    else:
        browser.post(address_of(payment), sent)
    assert (at_stripe(shop, "refund", "amount"), at_stripe(shop, "subscription", "status")) == ([4900], ["canceled"])
    refund = Refund.objects.get()
    if refund.status == "requested":  # only the credits are left, which the webhook would have brought
        facts.settle_payment(payment.stripe_payment_intent_id)
    facts.settle_subscription(PlanSubscription.objects.get().stripe_id)
    assert (PlanSubscription.objects.get().status, ledger.balance(buyer).total) == ("canceled", 0)
    assert logged() == [message, message]


def test_a_refund_that_stripe_refuses_has_logged_what_it_canceled(shop, buyer):
    payment, browser = paid(shop, buyer, "pro"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"reason": "gone", "cancel": "on"}
    shop.dispute(payment.stripe_charge_id)
    assert "charged back" in browser.post(address_of(payment), sent).content.decode()
    assert (at_stripe(shop, "subscription", "status"), at_stripe(shop, "refund", "amount")) == (["canceled"], [])
    about = [PlanSubscription.objects.get(), payment]
    assert [entry.get_edited_object() for entry in LogEntry.objects.order_by("pk")] == about
    assert [refund.status for refund in payment.refunds.all()] == ["failed"]


def test_what_stripe_did_not_answer_is_logged_and_not_called_paid(shop, buyer, outage):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"reason": "all"}
    with outage(after=0):
        for _ in range(2):
            page = browser.post(address_of(payment), sent).content.decode()
            assert "It is finished by itself, or by this form again." in page
    assert logged() == ["To be paid back: 49.00 USD: all"]


def test_a_payment_of_a_plan_may_be_paid_back_and_the_plan_ended(shop, buyer):
    payment, browser = paid(shop, buyer, "pro"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"reason": "gone", "cancel": "on"}
    browser.post(address_of(payment), sent)
    facts.settle_subscription(PlanSubscription.objects.get().stripe_id)
    assert PlanSubscription.objects.get().status == "canceled"
    assert ledger.balance(buyer).total == 0


@pytest.mark.parametrize("permission", ["view_payment", "change_payment", "add_refund", "adjust_credits"])
def test_nobody_pays_back_without_the_permission(shop, buyer, permission):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", permission)
    assert "Pay back" not in browser.get(f"/admin/quickscale_billing/payment/{payment.pk}/change/").content.decode()
    assert browser.get(address_of(payment)).status_code == 403
    assert browser.post(address_of(payment), {"amount": "1", "reason": "x"}).status_code == 403
    for address in ("refund/add/", f"payment/{payment.pk}/delete/"):
        assert browser.post(f"/admin/quickscale_billing/{address}", {}).status_code == 403
    assert not Refund.objects.exists()


def test_what_stripe_refuses_is_said_in_the_form(shop, buyer):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"reason": "all"}
    shop.dispute(payment.stripe_charge_id)
    for _ in range(2):
        answer = browser.post(address_of(payment), sent)
        assert "charged back" in answer.content.decode()
        assert answer.context["form"]["token"].value() != str(sent["token"])
    assert ledger.balance(buyer).total == 1050
    assert logged() == ["To be paid back: 49.00 USD: all"]


def test_money_that_went_though_its_credits_could_not_follow_is_said(shop, buyer):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"reason": "all"}
    with damaged(buyer):
        page = browser.post(address_of(payment), sent, follow=True).content.decode()
        assert "is paid back, but its credits are not taken yet" in page
        assert "all" in LogEntry.objects.get().change_message
    facts.settle_payment(payment.stripe_payment_intent_id)
    assert (ledger.balance(buyer).total, Refund.objects.get().status) == (0, "succeeded")


def test_the_lists_open(shop, buyer):
    payment, browser = paid(shop, buyer, "pro"), Client()
    browser.force_login(get_user_model().objects.create_superuser("root"))
    for model in ("payment", "invoice", "refund", "dispute"):
        address = f"/admin/quickscale_billing/{model}/?q={payment.stripe_payment_intent_id}"
        assert browser.get(address).status_code == 200
