"""What staff sees of Stripe's events, and settling again."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client, TestCase

from quickscale_billing import checkout, facts
from quickscale_billing.models import Customer, Fact, InboxItem, Payment, PlanSubscription, Refund
from quickscale_billing.money import formatted
from quickscale_credits.testing import assert_balance
from tests.billing.selling import Subscriber, plan

pytestmark = pytest.mark.once

ADMIN = "/admin/quickscale_billing/"


@pytest.fixture
def buyer(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def settle_again(admin_client: Client, item: InboxItem) -> Any:
    form = {"action": "settle", "_selected_action": item.pk, "reason": "It was asked for."}
    with TestCase.captureOnCommitCallbacks(execute=True):
        return admin_client.post(ADMIN + "inboxitem/", form, follow=True)


def test_what_could_not_be_settled_is_shown_and_settled_again(shop: Any, buyer: Any, admin_client: Client) -> None:
    session = checkout.start(buyer, "large")
    shop.pay(session)
    item = InboxItem.objects.create(kind="session", stripe_id="cs_of_nobody", state="waiting", problem="is nobody here")
    assert b"is nobody here" in admin_client.get(ADMIN + "inboxitem/").content
    settle_again(admin_client, item)
    assert InboxItem.objects.get().problem.startswith("No such")
    InboxItem.objects.update(stripe_id=session.stripe_id)
    settle_again(admin_client, item)
    assert InboxItem.objects.get().state == "settled"
    assert_balance(buyer, 1_050)


@pytest.mark.parametrize("model", ["fact", "purchase", "plansubscription"])
def test_rows_are_found_by_owner_and_by_id_at_stripe(model: str, shop: Any, buyer: Any, admin_client: Client) -> None:
    for item in ("large", "pro"):
        session = checkout.start(buyer, item)
        shop.pay(session)
        facts.settle_session(str(session.stripe_id))
    for wanted in ("ada@example.com", buyer.credit_account.pk, Customer.objects.get().stripe_id):
        page = admin_client.get(ADMIN + f"{model}/", {"q": wanted})
        assert page.status_code == 200
    assert Fact.objects.first().key.encode() in admin_client.get(ADMIN + "fact/").content
    subscription = PlanSubscription.objects.get()
    assert b"Pro" in admin_client.get(ADMIN + f"plansubscription/{subscription.pk}/change/").content


@pytest.mark.parametrize("model", ["payment", "purchase", "refund"])
def test_money_is_shown_with_its_currency(model: str, shop: Any, buyer: Any, admin_client: Client) -> None:
    session = checkout.start(buyer, "large")
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))
    payment = Payment.objects.get()
    Refund.objects.create(payment=payment, amount=payment.amount, currency=payment.currency)
    row = apps.get_model("quickscale_billing", model).objects.get()
    for address in (f"{ADMIN}{model}/", f"{ADMIN}{model}/{row.pk}/change/"):
        page = admin_client.get(address).content.decode()
        assert formatted(payment.amount, payment.currency) in page
        assert not re.search(rf">\s*{payment.amount}\s*<", page)


def test_two_live_subscriptions_of_one_owner_are_reported(
    buyer: Any, clock: Any, admin_client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    pro = plan("pro", 100)
    for _ in range(2):
        Subscriber(buyer).subscribe(pro)
    admin_client.force_login(get_user_model().objects.get(is_superuser=True))
    assert b"more than one live subscription" in admin_client.get(ADMIN + "plansubscription/").content
    call_command("settle_facts")
    assert "more than one live subscription" in capsys.readouterr().out


def test_nothing_of_it_can_be_changed(admin_client: Client, buyer: Any, shop: Any) -> None:
    for model in ("inboxitem", "fact", "purchase", "plansubscription"):
        assert admin_client.get(ADMIN + f"{model}/add/").status_code == 403
