"""Stories 14 and 15: the success page and the webhook, however often and in either order."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, override_settings

from quickscale_billing import checkout
from quickscale_billing.models import CheckoutSession, CreditPack, Fact
from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

CLEARS, REFUSED = "DE89370400440532013000", "DE62370400440532013001"


@pytest.fixture
def buyer(clock: Any, shop: Any, db: None) -> Any:
    connect(shop)
    shop.webhooks.hold()
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def reload(browser: Client, session: CheckoutSession) -> str:
    return browser.get(f"/billing/checkout/success/?session_id={session.stripe_id}").content.decode()


def logged_in(user: Any) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.mark.parametrize("webhook_comes_first", [True, False])
def test_story_14_a_pack_is_given_once(webhook_comes_first: bool, shop: Any, buyer: Any) -> None:
    session = checkout.start(buyer, "large")
    shop.pay(session)
    shop.webhooks.duplicate()
    if webhook_comes_first:
        shop.webhooks.deliver()
    for _ in range(5):
        assert "1,050 credits" in reload(logged_in(buyer), session)
    shop.webhooks.deliver()
    assert_balance(buyer, 1_050)
    assert Fact.objects.count() == 1


def test_story_15_an_unpaid_session_gives_nothing(shop: Any, buyer: Any) -> None:
    session = checkout.start(buyer, "large")
    reload(logged_in(buyer), session)
    assert_balance(buyer, 0)


def test_story_15_somebody_elses_session_gives_nothing_to_anybody(shop: Any, buyer: Any) -> None:
    other = get_user_model().objects.create_user("grace")
    session = checkout.start(buyer, "large")
    shop.pay(session)
    assert logged_in(other).get(f"/billing/checkout/success/?session_id={session.stripe_id}").status_code == 404
    assert [ledger.balance(each).total for each in (buyer, other)] == [0, 0]


def debit(buyer: Any) -> CheckoutSession:
    CreditPack.objects.create(slug="euro", name="100 credits", credits=100, amount=700, currency="eur")
    with override_settings(QUICKSCALE_BILLING={"CHECKOUT": {"payment_method_types": ["card", "sepa_debit"]}}):
        return checkout.start(buyer, "euro")


def test_a_debit_that_takes_days_gives_its_credits_when_the_money_has_come(clock: Any, shop: Any, buyer: Any) -> None:
    shop.webhooks.deliver()
    session = debit(buyer)
    shop.pay(session, card=CLEARS)
    assert_balance(buyer, 0)
    Calendar(clock, shop).shift(timedelta(days=1))
    assert_balance(buyer, 100)


def test_a_debit_that_the_bank_refuses_gives_nothing(clock: Any, shop: Any, buyer: Any) -> None:
    shop.webhooks.deliver()
    session = debit(buyer)
    shop.pay(session, card=REFUSED)
    Calendar(clock, shop).shift(timedelta(days=1))
    assert_balance(buyer, 0)
