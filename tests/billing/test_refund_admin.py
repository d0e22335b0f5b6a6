"""Paying back in the admin: who may, what is asked, and what it leaves behind."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from quickscale_billing import checkout, facts
from quickscale_billing.models import Payment, PlanSubscription, Refund
from quickscale_credits import ledger

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
    assert "Bought twice" in LogEntry.objects.first().change_message


@pytest.mark.parametrize("amount", ["0", "49.01", "1.001", "-5", "x", "1E+999999"])
def test_an_amount_that_cannot_be_is_refused(shop, buyer, amount):
    payment, browser = paid(shop, buyer, "large"), staff("view_payment", "refund_payment")
    sent = form_of(browser, address_of(payment)) | {"amount": amount, "reason": "odd"}
    assert browser.post(address_of(payment), sent).status_code == 200
    assert not Refund.objects.exists()


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
    assert (ledger.balance(buyer).total, LogEntry.objects.count()) == (1050, 0)


def test_the_lists_open(shop, buyer):
    payment, browser = paid(shop, buyer, "pro"), Client()
    browser.force_login(get_user_model().objects.create_superuser("root"))
    for model in ("payment", "invoice", "refund", "dispute"):
        address = f"/admin/quickscale_billing/{model}/?q={payment.stripe_payment_intent_id}"
        assert browser.get(address).status_code == 200
