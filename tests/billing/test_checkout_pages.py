"""The pages on which people buy, and those they come back to."""

import re
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from django.db import connection
from django.test import Client
from django.utils.html import escape

from quickscale_billing import checkout
from quickscale_billing.models import CheckoutSession, CreditPack, Fact, Plan, PlanSubscription, Purchase
from quickscale_credits import ledger
from quickscale_credits.ledger.accounts import open_account
from tests.billing.test_checkout import subscribed

pytestmark = pytest.mark.once

SUCCESS = "/billing/checkout/success/"


@pytest.fixture
def buyer(client: Any, user: Any) -> Any:
    """A browser in which `user` is logged in."""
    client.force_login(user)
    return client


def come_back(browser: Any, session: CheckoutSession) -> Any:
    return browser.get(SUCCESS, {"session_id": session.stripe_id})


def form_of(page: str, slug: str) -> dict[str, str]:
    """The hidden fields of the form that buys this."""
    form = re.search(rf'action="/billing/buy/{slug}/">(.*?)</form>', page, re.DOTALL)[1]
    return dict(re.findall(r'name="(interval|currency|key|next)" value="([^"]*)"', unescape(form)))


def test_prices_are_shown_to_a_visitor_with_a_way_to_log_in(shop, client):
    page = client.get("/billing/").content.decode()
    assert "49.00 USD" in page
    assert "1000 credits" in page
    assert "/admin/login/?next=/billing/buy/large/" in page
    assert "<form" not in page


def test_month_and_year_are_switched_by_links(shop, client):
    monthly = client.get("/billing/").content.decode()
    assert 'href="?interval=year&amp;currency=usd"' in monthly
    assert "9.00 USD" in monthly
    yearly = client.get("/billing/?interval=year").content.decode()
    assert "490.00 USD" in yearly
    assert "Studio" not in yearly


@pytest.mark.parametrize("query", ["interval=fortnight", "interval=", "currency=xxx", "interval[]=year"])
def test_nonsense_in_the_address_shows_the_usual_prices(shop, client, query):
    assert "9.00 USD" in client.get(f"/billing/?{query}").content.decode()


def test_a_plan_and_a_pack_have_a_page_each(shop, client):
    plan = client.get("/billing/plans/pro/").content.decode()
    assert "10,000 credits each month" in plan
    assert "1,000 credits as a bonus with the first payment" in plan
    assert "Priority support" in plan
    pack = client.get("/billing/packs/large/").content.decode()
    assert "1,000 credits that never expire" in pack
    assert "and 50 credits as a bonus" in pack


@pytest.mark.parametrize("path", ["plans/large/", "packs/pro/", "packs/absent/", "plans/absent/", "buy/absent/"])
def test_what_is_not_sold_there_is_not_found(shop, client, path):
    assert client.get(f"/billing/{path}").status_code == 404


def test_what_is_off_sale_is_not_found(shop, buyer):
    CreditPack.objects.update(is_active=False)
    Plan.objects.update(is_active=False)
    assert buyer.get("/billing/packs/large/").status_code == 404
    assert buyer.get("/billing/plans/pro/").status_code == 404
    assert buyer.post("/billing/buy/large/").status_code == 404


def test_names_from_the_catalog_are_escaped(shop, client):
    CreditPack.objects.filter(slug="large").update(name="<script>alert(1)</script>", description="<b>")
    for path in ("", "packs/", "packs/large/"):
        page = client.get(f"/billing/{path}").content.decode()
        assert escape("<script>alert(1)</script>") in page
        assert "<script>" not in page


def test_buying_leads_to_stripes_page(shop, buyer, user):
    form = form_of(buyer.get("/billing/").content.decode(), "large")
    answer = buyer.post("/billing/buy/large/", form)
    session = CheckoutSession.objects.get()
    assert (answer.status_code, answer.url) == (303, session.url)
    assert session.success_url.startswith("http://testserver/billing/checkout/success/")


def test_a_plan_is_bought_at_the_interval_that_was_shown(shop, buyer):
    form = form_of(buyer.get("/billing/?interval=year").content.decode(), "pro")
    buyer.post("/billing/buy/pro/", form)
    assert CheckoutSession.objects.get().interval == "year"


def test_a_button_pressed_twice_is_one_purchase(shop, buyer):
    form = form_of(buyer.get("/billing/").content.decode(), "large")
    first, second = buyer.post("/billing/buy/large/", form), buyer.post("/billing/buy/large/", form)
    assert first.url == second.url
    assert len(shop.sandbox.all("checkout.session")) == 1


def test_a_button_pressed_again_after_paying_is_another_purchase(shop, buyer):
    form = form_of(buyer.get("/billing/").content.decode(), "large")
    first = buyer.post("/billing/buy/large/", form)
    session = CheckoutSession.objects.get()
    shop.pay(session)
    come_back(buyer, session)
    assert buyer.post("/billing/buy/large/", form).url != first.url


@pytest.mark.parametrize("key", ["", "nonsense", "x" * 500])
def test_a_key_that_is_none_is_no_matter(shop, buyer, key):
    assert buyer.post("/billing/buy/large/", {"key": key}).status_code == 303


@pytest.mark.parametrize(
    "form", [{"interval": "fortnight"}, {"currency": "xxx"}, {"interval": "x\x00"}, {"currency": "\x00"}]
)
def test_what_the_plan_is_not_sold_by_is_not_found(shop, buyer, form):
    assert buyer.post("/billing/buy/pro/", form).status_code == 404


def test_a_visitor_who_buys_is_sent_to_log_in_and_then_to_the_item(shop, client):
    assert client.post("/billing/buy/large/").url == "/admin/login/?next=/billing/packs/large/"
    assert client.get("/billing/buy/large/").url == "/billing/packs/large/"


def test_buying_needs_the_token_against_forgery(shop, user):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.post("/billing/buy/large/").status_code == 403


def test_while_stripe_is_down_the_page_offers_to_try_again(shop, buyer, outage):
    form = form_of(buyer.get("/billing/").content.decode(), "large")
    with outage():
        answer = buyer.post("/billing/buy/large/", form)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert form_of(answer.content.decode(), "large")["key"] == form["key"]
    assert buyer.post("/billing/buy/large/", form).status_code == 303


@pytest.mark.once
def test_without_a_key_for_stripe_the_buyer_is_told_and_the_log(buyer, settings, caplog):
    settings.STRIPE_TEST_SECRET_KEY = ""
    CreditPack.objects.create(slug="lone", name="Lone", credits=1, amount=100, currency="usd")
    answer = buyer.post("/billing/buy/lone/")
    assert (answer.status_code, answer.headers["Cache-Control"].split(",")[0]) == (503, "max-age=0")
    assert "Nothing was charged" in answer.content.decode()
    assert "Set STRIPE_TEST_SECRET_KEY" in caplog.text


def test_a_host_with_atomic_requests_sells_as_well(shop, buyer, user, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert buyer.post("/billing/buy/large/").status_code == 303
    session = CheckoutSession.objects.get()
    shop.pay(session)
    assert "1,050 credits" in come_back(buyer, session).content.decode()


def test_what_stripe_refuses_is_said_without_its_words(shop, buyer, settings, caplog):
    settings.QUICKSCALE_BILLING = {"CHECKOUT": {"nonsense": True}}
    answer = buyer.post("/billing/buy/large/")
    assert answer.status_code == 502
    assert "nonsense" not in answer.content.decode()
    assert "nonsense" in caplog.text


def test_who_has_a_plan_is_told_so_instead_of_sold_another(shop, buyer, user):
    subscribed(user)
    answer = buyer.post("/billing/buy/pro/", {"interval": "month", "currency": "usd"})
    assert answer.status_code == 409
    assert "You have a plan already" in answer.content.decode()


def test_who_comes_back_having_paid_has_the_credits_once_however_often(shop, buyer, user):
    session = checkout.start(user, "large")
    shop.pay(session)
    for _ in range(5):
        page = come_back(buyer, session).content.decode()
        assert "1,050 credits" in page
    assert ledger.balance(user).total == 1050
    assert Purchase.objects.get().amount == 4900


def test_what_is_given_is_what_was_sold_whatever_the_pack_is_now(shop, buyer, user):
    session = checkout.start(user, "large")
    CreditPack.objects.update(credits=1, bonus_credits=0)
    shop.pay(session)
    come_back(buyer, session)
    assert ledger.balance(user).total == 1050


def test_an_unpaid_session_gives_nothing_and_leads_back_to_its_payment(shop, buyer, user):
    session = checkout.start(user, "large")
    page = come_back(buyer, session).content.decode()
    assert "Not paid yet" in page
    assert session.url in page
    assert ledger.balance(user).total == 0


def test_somebody_elses_session_gives_nothing_to_anybody(shop, client, user, django_user_model):
    session = checkout.start(user, "large")
    shop.pay(session)
    mallory = django_user_model.objects.create_user("mallory")
    client.force_login(mallory)
    assert come_back(client, session).status_code == 404
    assert ledger.balance(mallory).total == ledger.balance(user).total == 0
    assert not Fact.objects.exists()


@pytest.mark.parametrize("session_id", ["", "cs_test_unknown", "{CHECKOUT_SESSION_ID}", "x" * 3000, "\x00"])
def test_a_session_that_is_none_is_not_found(shop, buyer, session_id):
    assert buyer.get(SUCCESS, {"session_id": session_id}).status_code == 404


def test_a_visitor_who_comes_back_logs_in_first_and_keeps_the_address(shop, client, user):
    session = checkout.start(user, "large")
    answer = come_back(client, session)
    assert answer.status_code == 302
    assert str(session.stripe_id) in answer.url


def test_an_expired_session_says_so(shop, buyer, user):
    session = checkout.start(user, "large")
    shop.sandbox.get("checkout.session", session.stripe_id)["status"] = "expired"
    assert "has expired" in come_back(buyer, session).content.decode()
    session.refresh_from_db()
    assert session.status == "expired"


@pytest.mark.parametrize(("payment", "said"), [("processing", "is on its way"), ("requires_payment_method", "failed")])
def test_a_payment_that_takes_days_is_awaited_until_it_fails(shop, buyer, user, payment, said):
    session = checkout.start(user, "large")
    shop.pay(session)
    found = shop.sandbox.get("checkout.session", session.stripe_id)
    found["payment_status"] = "unpaid"
    shop.sandbox.get("payment_intent", found["payment_intent"])["status"] = payment
    assert said in come_back(buyer, session).content.decode()
    assert ledger.balance(user).total == 0


def test_while_stripe_is_down_a_payer_is_told_to_wait(shop, buyer, user, outage):
    session = checkout.start(user, "large")
    shop.pay(session)
    with outage():
        answer = come_back(buyer, session)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "is on its way" in answer.content.decode()
    assert "1,050 credits" in come_back(buyer, session).content.decode()


def test_a_session_that_stripe_has_forgotten_is_not_found(shop, buyer, user, caplog):
    session = checkout.start(user, "large")
    CheckoutSession.objects.update(stripe_id="cs_test_forgotten")
    session.refresh_from_db()
    assert come_back(buyer, session).status_code == 404
    assert "cs_test_forgotten" in caplog.text


def test_the_thanks_for_a_pack_say_its_credits_once_and_one_credit_is_one(shop, buyer, user):
    CreditPack.objects.filter(slug="large").update(credits=1, bonus_credits=0)
    session = checkout.start(user, "large")
    shop.pay(session)
    page = come_back(buyer, session).content.decode()
    assert "Your payment for 1000 credits has arrived: 1 credit was added." in page


def test_a_canceled_payment_is_said_to_have_cost_nothing(client, db):
    assert "nothing was charged" in client.get("/billing/checkout/canceled/").content.decode()


def test_a_plan_bought_and_paid_is_said_to_be_subscribed(shop, buyer, user):
    session = checkout.start(user, "pro")
    shop.pay(session)
    assert "You are subscribed to Pro." in come_back(buyer, session).content.decode()
    assert ledger.balance(user).total == 11_000
    page = buyer.get("/billing/").content.decode()
    assert "Your plan" in page


def test_a_subscription_paid_a_moment_ago_is_seen_before_a_second_is_sold(shop, user):
    session = checkout.start(user, "pro")
    shop.pay(session)
    with pytest.raises(checkout.AlreadySubscribed):
        checkout.start(user, "basic")
    assert PlanSubscription.objects.get(account=open_account(user)).plan.slug == "pro"


def test_whoever_was_led_to_the_prices_comes_back_to_where_they_wanted_to_go(shop, buyer):
    pricing = buyer.get("/billing/?next=/reports/%3Fa%3D1%26b").content.decode()
    assert 'href="/billing/plans/pro/?next=%2Freports%2F%3Fa%3D1%26b"' in pricing
    assert "next=/reports/%3Fa%3D1%26b" in re.search('href="[?]interval=year[^"]*"', pricing)[0]
    page = buyer.get("/billing/plans/pro/?next=%2Freports%2F%3Fa%3D1%26b").content.decode()
    buyer.post("/billing/buy/pro/", form_of(page, "pro"))
    session = CheckoutSession.objects.get()
    assert "next=%2Freports%2F%3Fa%3D1%26b" in session.success_url
    shop.pay(session)
    address = session.success_url.replace("{CHECKOUT_SESSION_ID}", session.stripe_id)
    assert 'href="/reports/?a=1&amp;b"' in buyer.get(address).content.decode()


def test_a_visitor_who_logs_in_to_buy_does_too(shop, client):
    page = client.get("/billing/?next=/reports/").content.decode()
    address = re.search(r'href="/admin/login/[?]next=([^"]*buy/pro[^"]*)"', page)[1]
    assert client.get(unquote(address)).url == "/billing/plans/pro/?next=%2Freports%2F"
    assert "%252Freports%252F" in client.post("/billing/buy/pro/", {"next": "/reports/"}).url


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/" + "a" * 1000],
)
def test_nobody_is_led_elsewhere(shop, buyer, elsewhere):
    assert "next=" not in buyer.get("/billing/", {"next": elsewhere}).content.decode()
    buyer.post("/billing/buy/large/", {"next": elsewhere})
    session = CheckoutSession.objects.get()
    assert "next" not in session.success_url
    shop.pay(session)
    page = buyer.get(SUCCESS, {"session_id": session.stripe_id, "next": elsewhere}).content.decode()
    assert 'href="/">Continue' in page
