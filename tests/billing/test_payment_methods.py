"""The cards of an owner, as Stripe keeps them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from quickscale_billing import checkout, payment_methods
from quickscale_billing.exceptions import LastPaymentMethod, StripeUnavailable, UnknownPaymentMethod
from quickscale_billing.models import Customer, PlanSubscription
from quickscale_billing.payment_methods import PaymentMethod
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

pytestmark = pytest.mark.once

PAGE = "/billing/payment-methods/"
MASTERCARD, CHALLENGED = "5555555555554444", "4000002500003155"


@pytest.fixture
def buyer(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def browser(buyer: Any) -> Client:
    browser = Client()
    browser.force_login(buyer)
    return browser


@pytest.fixture
def stranger(db: None) -> Any:
    return get_user_model().objects.create_user("grace")


@pytest.fixture
def calendar(clock: Any, shop: Any) -> Calendar:
    connect(shop)
    return Calendar(clock, shop)


@pytest.fixture
def subscriber(calendar: Calendar, buyer: Any) -> Any:
    calendar.simulator.pay(checkout.start(buyer, "basic"))
    return buyer


def add(simulator: Any, owner: Any, card: str = "4242424242424242", **options: Any) -> PaymentMethod:
    """As the owner does it, from our page to Stripe's and back."""
    session = payment_methods.add(owner)
    simulator.pay(session, card, **options)
    payment_methods.settle(owner, session.stripe_id)
    return next(each for each in payment_methods.list(owner) if each.last4 == card[-4:])


def shown(owner: Any) -> list[tuple[str, bool]]:
    return [(each.last4, each.is_default) for each in payment_methods.list(owner)]


def text_of(response: HttpResponse) -> str:
    return response.content.decode()


def charged_last(simulator: Any) -> str:
    return simulator.sandbox.all("charge")[-1]["payment_method_details"]["card"]["last4"]


def test_whoever_was_never_at_stripe_has_none_and_is_not_made_there(shop: Any, buyer: Any) -> None:
    assert payment_methods.list(buyer) == []
    assert not Customer.objects.exists()


def test_the_first_card_becomes_the_default_and_the_second_does_not(shop: Any, buyer: Any) -> None:
    first = add(shop, buyer)
    assert (first.brand, first.brand_name, first.exp_month, first.is_default) == ("visa", "Visa", 12, True)
    add(shop, buyer, MASTERCARD)
    assert shown(buyer) == [("4242", True), ("4444", False)]


def test_a_card_is_the_default_though_its_owner_never_came_back(calendar: Calendar, buyer: Any) -> None:
    calendar.simulator.pay(payment_methods.add(buyer))
    assert shown(buyer) == [("4242", True)]


def test_a_card_that_the_bank_wants_confirmed_is_added_once_it_is(shop: Any, buyer: Any) -> None:
    session = payment_methods.add(buyer)
    with pytest.raises(Exception, match="authentication failed"):
        shop.pay(session, CHALLENGED, authenticate=False)
    assert not payment_methods.settle(buyer, session.stripe_id).is_complete
    assert payment_methods.list(buyer) == []
    shop.pay(session, CHALLENGED)
    assert payment_methods.settle(buyer, session.stripe_id).is_complete
    assert shown(buyer) == [("3155", True)]


def test_the_card_that_a_subscription_was_bought_with_is_the_default(subscriber: Any, calendar: Calendar) -> None:
    assert shown(subscriber) == [("4242", True)]
    add(calendar.simulator, subscriber, MASTERCARD)
    assert shown(subscriber) == [("4242", True), ("4444", False)]


def test_the_next_period_is_charged_to_the_default(subscriber: Any, calendar: Calendar) -> None:
    payment_methods.set_default(subscriber, add(calendar.simulator, subscriber, MASTERCARD))
    assert shown(subscriber) == [("4444", True), ("4242", False)]
    calendar.shift(timedelta(days=32))
    assert charged_last(calendar.simulator) == "4444"


def test_the_only_card_of_a_subscription_stays_until_there_is_another(subscriber: Any, calendar: Calendar) -> None:
    only = payment_methods.list(subscriber)[0]
    with pytest.raises(LastPaymentMethod):
        payment_methods.remove(subscriber, only)
    add(calendar.simulator, subscriber, MASTERCARD)
    payment_methods.remove(subscriber, only)
    assert shown(subscriber) == [("4444", True)]
    calendar.shift(timedelta(days=32))
    assert charged_last(calendar.simulator) == "4444"


def test_without_a_subscription_the_last_card_can_be_removed(shop: Any, buyer: Any) -> None:
    payment_methods.remove(buyer, add(shop, buyer))
    assert payment_methods.list(buyer) == []


def test_when_a_subscription_has_ended_its_card_can_be_removed(subscriber: Any, shop: Any) -> None:
    PlanSubscription.objects.update(status="canceled")
    payment_methods.remove(subscriber, payment_methods.list(subscriber)[0])
    assert payment_methods.list(subscriber) == []


def test_somebody_elses_card_is_not_found(shop: Any, buyer: Any, stranger: Any) -> None:
    mine = add(shop, buyer)
    add(shop, stranger, MASTERCARD)
    for verb in (payment_methods.set_default, payment_methods.remove):
        with pytest.raises(UnknownPaymentMethod):
            verb(stranger, mine)
    assert shown(buyer) == [("4242", True)]


def test_somebody_elses_setup_is_not_found(shop: Any, buyer: Any, stranger: Any) -> None:
    session = payment_methods.add(buyer)
    shop.pay(session)
    for session_id in (session.stripe_id, "cs_none", "", "\x00", "cs_é"):
        with pytest.raises(UnknownPaymentMethod):
            payment_methods.settle(stranger, session_id)


def test_a_session_that_sells_something_adds_no_card(shop: Any, buyer: Any) -> None:
    with pytest.raises(UnknownPaymentMethod):
        payment_methods.settle(buyer, checkout.start(buyer, "small").stripe_id)


def test_a_card_expires_when_its_month_is_over(clock: Any) -> None:
    def card(month: int | None, year: int | None) -> PaymentMethod:
        return PaymentMethod(
            id="pm_1",
            kind="card",
            brand="amex",
            last4="0005",
            exp_month=month,
            exp_year=year,
            is_default=False,
            added_at=None,
        )

    cards = [card(12, 2025), card(1, 2026), card(2, 2026), card(12, 2026), card(None, None)]
    assert [each.has_expired for each in cards] == [True, False, False, False, False]
    assert [each.expires_soon for each in cards] == [False, True, False, False, False]
    assert str(cards[0]) == "American Express •••• 0005"


def test_a_customer_who_was_deleted_at_stripe_has_none_and_may_begin_anew(shop: Any, buyer: Any) -> None:
    add(shop, buyer)
    shop.sandbox.by_id[Customer.objects.get().stripe_id]["deleted"] = True
    assert payment_methods.list(buyer) == []
    add(shop, buyer, MASTERCARD)
    assert shown(buyer) == [("4444", True)]


def test_while_stripe_is_away_everything_can_be_tried_again(shop: Any, buyer: Any, outage: Any) -> None:
    card = add(shop, buyer)
    with outage():
        for call in (
            lambda: payment_methods.list(buyer),
            lambda: payment_methods.add(buyer),
            lambda: payment_methods.remove(buyer, card),
        ):
            with pytest.raises(StripeUnavailable):
                call()


def test_the_pages_lead_through_it_all(shop: Any, buyer: Any, browser: Client) -> None:
    assert "No card is kept for you." in text_of(browser.get(PAGE))
    answer = browser.post(PAGE + "add/")
    assert answer.status_code == 303
    session = shop.sandbox.all("checkout.session")[-1]
    shop.pay(session)
    back = browser.get(PAGE + f"added/?session_id={session['id']}", follow=True)
    assert "Your card was added." in text_of(back)
    assert "Visa •••• 4242" in text_of(back)
    card = add(shop, buyer, MASTERCARD)
    assert "charged from now on" in text_of(browser.post(PAGE + "default/", {"method": card.id}, follow=True))
    assert shown(buyer)[0] == ("4444", True)
    assert "was removed" in text_of(browser.post(PAGE + "remove/", {"method": card.id}, follow=True))
    assert shown(buyer) == [("4242", True)]


def test_the_page_says_that_adding_was_not_finished(shop: Any, buyer: Any, browser: Client) -> None:
    session = payment_methods.add(buyer)
    page = browser.get(PAGE + f"added/?session_id={session.stripe_id}", follow=True)
    assert "was not finished" in text_of(page)


def test_the_page_says_why_the_only_card_stays(subscriber: Any, browser: Client) -> None:
    card = payment_methods.list(subscriber)[0]
    page = text_of(browser.post(PAGE + "remove/", {"method": card.id}, follow=True))
    assert "add another first" in page
    assert "Visa •••• 4242" in page


def test_a_stranger_gets_nothing_by_the_pages(shop: Any, buyer: Any, stranger: Any) -> None:
    card, other = add(shop, buyer), Client()
    other.force_login(stranger)
    assert other.post(PAGE + "remove/", {"method": card.id}).status_code == 404
    assert other.post(PAGE + "default/", {"method": card.id}).status_code == 404
    session = shop.sandbox.all("checkout.session")[-1]
    assert other.get(PAGE + f"added/?session_id={session['id']}").status_code == 404
    assert "4242" not in text_of(other.get(PAGE))


@pytest.mark.parametrize("path", ["", "added/"])
def test_a_visitor_is_led_to_log_in(db: None, path: str) -> None:
    assert Client().get(PAGE + path).status_code == 302


@pytest.mark.parametrize("verb", ["add", "default", "remove", "portal"])
def test_without_a_token_nothing_is_changed(verb: str, buyer: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(buyer)
    assert browser.post(PAGE + f"{verb}/").status_code == 403


def test_while_stripe_is_away_the_page_says_so(shop: Any, buyer: Any, browser: Client, outage: Any) -> None:
    add(shop, buyer)
    with outage():
        answer = browser.get(PAGE)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert f'href="{PAGE}"' in text_of(answer)


def test_where_stripe_refuses_the_page_is_shown_without_cards(
    shop: Any, buyer: Any, browser: Client, outage: Any
) -> None:
    add(shop, buyer)
    with outage(status=400):
        answer = browser.get(PAGE)
    assert answer.status_code == 200
    assert "did not tell us your payment methods" in text_of(answer)
    assert "No card is kept for you." not in text_of(answer)


def test_stripes_portal_is_led_to_where_the_settings_say_so(shop: Any, browser: Client, settings: Any) -> None:
    assert browser.post(PAGE + "portal/").status_code == 404
    settings.QUICKSCALE_BILLING = {"PORTAL": True}
    assert PAGE + "portal/" in text_of(browser.get(PAGE))
    answer = browser.post(PAGE + "portal/")
    assert answer.url.startswith(shop.address)
    assert shop.sandbox.all("billing_portal.session")[-1]["return_url"] == "http://testserver" + PAGE


def test_it_works_where_each_request_is_a_transaction(
    shop: Any, buyer: Any, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = add(shop, buyer)
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert browser.get(PAGE).status_code == 200
    assert browser.post(PAGE + "add/").status_code == 303
    assert browser.post(PAGE + "remove/", {"method": card.id}).status_code == 302
