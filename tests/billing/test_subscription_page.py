"""The page of an owner's subscription, without JavaScript."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from quickscale_billing import checkout, subscriptions
from quickscale_billing.models import PlanSubscription
from quickscale_credits.testing import assert_balance
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

pytestmark = pytest.mark.once

PAGE = "/billing/subscription/"


@pytest.fixture
def calendar(clock: Any, shop: Any) -> Calendar:
    connect(shop)
    return Calendar(clock, shop)


@pytest.fixture
def buyer(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def browser(buyer: Any) -> Client:
    browser = Client()
    browser.force_login(buyer)
    return browser


@pytest.fixture
def subscriber(calendar: Calendar, buyer: Any) -> Any:
    calendar.simulator.pay(checkout.start(buyer, "basic"))
    return buyer


def text_of(response: HttpResponse) -> str:
    return response.content.decode()


def test_without_a_subscription_it_leads_to_the_plans(shop: Any, browser: Client) -> None:
    assert reverse("quickscale_billing:pricing") in text_of(browser.get(PAGE))


def test_a_visitor_is_led_to_log_in(db: None) -> None:
    assert Client().get(PAGE).status_code == 302


def test_it_shows_the_plan_and_what_is_next(subscriber: Any, browser: Client) -> None:
    page = text_of(browser.get(PAGE))
    assert "The next payment of 9.00 USD is on Feb. 15, 2026." in page
    assert "Your plan" in page


def test_a_change_is_previewed_before_it_is_made(subscriber: Any, browser: Client, calendar: Calendar) -> None:
    calendar.shift(timedelta(days=15.5))
    browser.force_login(subscriber)  # the session has ended meanwhile
    preview = text_of(browser.get(PAGE + "change/?plan=pro&interval=month"))
    assert "20.00 USD" in preview
    assert "4,750" in preview
    assert_balance(subscriber, 500)
    browser.post(PAGE + "change/", {"plan": "pro", "interval": "month"})
    assert_balance(subscriber, 5_250)


def test_a_downgrade_is_shown_as_what_comes(subscriber: Any, browser: Client) -> None:
    browser.post(PAGE + "change/", {"plan": "pro", "interval": "month"})
    browser.post(PAGE + "change/", {"plan": "basic", "interval": "month"})
    page = text_of(browser.get(PAGE))
    assert "On Feb. 15, 2026 it changes to Basic, for 9.00 USD." in page
    assert "Keep the plan as it is" in page
    browser.post(PAGE + "resume/")
    assert subscriptions.current(subscriber).next_price is None


def test_an_upgrade_that_declines_leads_to_its_invoice(subscriber: Any, browser: Client, calendar: Calendar) -> None:
    calendar.simulator.decline_next(PlanSubscription.objects.get().stripe_customer_id)
    answer = browser.post(PAGE + "change/", {"plan": "pro", "interval": "month"})
    assert answer.status_code == 303
    page = text_of(browser.get(PAGE))
    assert answer.url in page.replace("&amp;", "&")
    assert "Your change to Pro waits for its payment" in page


def test_canceling_and_going_on(subscriber: Any, browser: Client) -> None:
    browser.post(PAGE + "cancel/")
    page = text_of(browser.get(PAGE))
    assert "It ends on Feb. 15, 2026; nothing more is charged." in page
    browser.post(PAGE + "resume/")
    assert "It ends on" not in text_of(browser.get(PAGE))


def test_the_preview_tells_who_has_canceled_what_becomes_of_that(subscriber: Any, browser: Client) -> None:
    assert "You have canceled" not in text_of(browser.get(PAGE + "change/?plan=pro"))
    browser.post(PAGE + "cancel/")
    assert "your subscription still ends on Feb. 15, 2026" in text_of(browser.get(PAGE + "change/?plan=pro"))
    browser.post(PAGE + "change/", {"plan": "pro"})
    assert "this takes it back" in text_of(browser.get(PAGE + "change/?plan=basic"))


def test_a_trial_says_how_long_it_lasts(calendar: Calendar, buyer: Any, browser: Client) -> None:
    calendar.simulator.pay(checkout.start(buyer, "studio"))
    assert "Your trial lasts until Jan. 22, 2026." in text_of(browser.get(PAGE))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("past_due", "did not succeed"),
        ("unpaid", "no credits are given until the invoice is paid"),
        ("paused", "is paused"),
        ("incomplete", "waits for you"),
        ("incomplete_expired", "It never began"),
        ("canceled", "It never began"),
    ],
)
def test_each_state_is_told_as_it_is(status: str, words: str, subscriber: Any, browser: Client) -> None:
    PlanSubscription.objects.update(status=status)
    assert words in text_of(browser.get(PAGE))


@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_without_a_subscription_there_is_nothing_to_do(verb: str, shop: Any, browser: Client) -> None:
    answer = browser.post(PAGE + f"{verb}/", follow=True)
    assert "You have no subscription that could be changed." in text_of(answer)


def test_a_plan_that_is_not_sold_is_not_found(subscriber: Any, browser: Client) -> None:
    for method in (browser.get, browser.post):
        assert method(PAGE + "change/", {"plan": "nothing"}).status_code == 404


def test_a_pack_is_no_plan(subscriber: Any, browser: Client) -> None:
    assert browser.get(PAGE + "change/?plan=small").status_code == 404


def test_while_stripe_is_away_it_can_be_tried_again(subscriber: Any, browser: Client, outage: Any) -> None:
    with outage():
        assert browser.post(PAGE + "cancel/").status_code == 503
        assert browser.get(PAGE).status_code == 200


def test_a_view_that_needs_a_subscription(subscriber: Any, rf: RequestFactory) -> None:
    view = subscriptions.subscription_required()(lambda request: HttpResponse("welcome"))
    pro = subscriptions.subscription_required("pro")(lambda request: HttpResponse("welcome"))
    bare = subscriptions.subscription_required(lambda request: HttpResponse("welcome"))
    request = rf.get("/reports/")
    request.user = subscriber
    assert [each(request).status_code for each in (view, bare, pro)] == [200, 200, 302]
    assert pro(request).url == "/billing/?next=%2Freports%2F"


def test_it_works_where_each_request_is_a_transaction(
    subscriber: Any, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert browser.get(PAGE + "change/?plan=pro").status_code == 200
    browser.post(PAGE + "change/", {"plan": "pro"})
    browser.post(PAGE + "cancel/")
    assert subscriptions.current(subscriber).plan.slug == "pro"
    assert "It ends on" in text_of(browser.get(PAGE))


def test_somebody_elses_subscription_is_not_shown_and_not_changed(subscriber: Any, shop: Any) -> None:
    other = Client()
    other.force_login(get_user_model().objects.create_user("grace"))
    assert "You have no subscription." in text_of(other.get(PAGE))
    other.post(PAGE + "cancel/")
    assert subscriptions.current(subscriber).ends_at is None


@pytest.mark.parametrize("verb", ["change", "cancel", "resume"])
def test_without_a_token_nothing_is_changed(verb: str, subscriber: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(subscriber)
    assert browser.post(PAGE + f"{verb}/", {"plan": "pro"}).status_code == 403
