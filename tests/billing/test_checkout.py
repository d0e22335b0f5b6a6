"""`checkout.start`: the row first, one customer, one session."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone

from quickscale_billing import checkout
from quickscale_billing.exceptions import AlreadySubscribed, StripeRefused, StripeUnavailable, UnknownItem
from quickscale_billing.models import CheckoutSession, CreditPack, Customer, Fact, Plan, PlanSubscription
from quickscale_credits import ledger
from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_credits.ledger.accounts import open_account


@pytest.fixture
def pack(shop: Any) -> CreditPack:
    return CreditPack.objects.get(slug="large")


def at_stripe(shop: Any, session: CheckoutSession) -> Any:
    return shop.sandbox.get("checkout.session", session.stripe_id)


def subscribed(owner: Any) -> PlanSubscription:
    return PlanSubscription.objects.create(
        account=open_account(owner),
        stripe_id="sub_1",
        stripe_customer_id="cus_1",
        status=PlanSubscription.Status.ACTIVE,
        created_at=timezone.now(),
        retrieved_at=timezone.now(),
    )


def test_a_pack_is_sold_on_a_page_of_stripe(shop, user, pack):
    session = checkout.start(user, pack)
    found = at_stripe(shop, session)
    assert session.url == found["url"]
    assert (found["mode"], found["amount_total"], found["currency"]) == ("payment", 4900, "usd")
    assert found["customer"] == user.credit_account.customers.get().stripe_id
    assert found["success_url"] == "http://testserver/billing/checkout/success/?session_id={CHECKOUT_SESSION_ID}"


@pytest.mark.parametrize("name", ["pack", "plan"])
def test_an_item_is_named_by_its_slug_too(shop, user, name):
    item = {"pack": "small", "plan": "pro"}[name]
    assert checkout.start(user, item).item.slug == item


def test_a_plan_is_sold_by_the_month_or_by_the_year(shop, user):
    session = checkout.start(user, "pro", interval="year")
    found = at_stripe(shop, session)
    assert (found["mode"], found["amount_total"]) == ("subscription", 49000)
    assert (session.interval, session.plan_price.plan.slug) == ("year", "pro")


def test_the_terms_of_a_pack_are_frozen_when_its_session_is_made(shop, user, pack):
    session = checkout.start(user, pack)
    CreditPack.objects.filter(pk=pack.pk).update(credits=1, bonus_credits=0)
    session.refresh_from_db()
    assert (session.credits, session.bonus_credits, session.amount, session.currency) == (1000, 50, 4900, "usd")


def test_a_stale_row_is_sold_on_the_terms_of_today(shop, user, pack):
    CreditPack.objects.filter(pk=pack.pk).update(credits=7)
    assert checkout.start(user, pack).credits == 7


@pytest.mark.once
def test_a_price_edited_past_the_catalog_is_pushed_before_it_is_sold(shop, user, pack):
    CreditPack.objects.filter(pk=pack.pk).update(amount=5900)
    assert at_stripe(shop, checkout.start(user, pack))["amount_total"] == 5900


@pytest.mark.once
def test_a_row_that_stripe_has_not_seen_is_pushed_before_it_is_sold(stripe_simulator, user):
    pack = CreditPack.objects.create(slug="tiny", name="Tiny", credits=5, amount=500, currency="eur")
    assert at_stripe(stripe_simulator, checkout.start(user, pack))["currency"] == "eur"


def test_the_same_key_gives_the_same_session(shop, user):
    first = checkout.start(user, "large", idempotency_key="once")
    assert checkout.start(user, "large", idempotency_key="once") == first
    assert len(shop.sandbox.all("checkout.session")) == 1


def test_the_same_key_for_another_purchase_is_refused(shop, user):
    checkout.start(user, "large", idempotency_key="once")
    with pytest.raises(IdempotencyConflict, match="'once' was used before, to buy 1000 credits"):
        checkout.start(user, "small", idempotency_key="once")


@pytest.mark.once
@pytest.mark.parametrize("key", ["qs:mine", "x" * 256, "a\x00b"])
def test_a_key_that_no_verb_would_take_is_refused(shop, user, key):
    with pytest.raises(ValueError, match=r"(?i)idempotency.key"):
        checkout.start(user, "large", idempotency_key=key)


def test_what_no_database_keeps_is_not_looked_up(shop, user):
    for options in ({"item": "a\x00"}, {"item": "pro", "interval": "\x00"}, {"item": "pro", "currency": "\x00"}):
        with pytest.raises(UnknownItem):
            checkout.start(user, **options)
    with pytest.raises(CheckoutSession.DoesNotExist):
        checkout.settle(user, "\x00")


def test_without_a_key_each_call_is_a_visit_of_its_own(shop, user):
    assert checkout.start(user, "large") != checkout.start(user, "large")


def test_an_owner_has_one_customer(shop, user):
    checkout.start(user, "large")
    checkout.start(user, "small")
    [customer] = shop.sandbox.all("customer")
    assert customer["id"] == Customer.objects.get().stripe_id


@pytest.mark.once
def test_stripe_is_told_the_owners_email_address(shop, user):
    user.email = "ada@example.com"
    user.save()
    checkout.start(user, "large")
    assert shop.sandbox.all("customer")[0]["email"] == "ada@example.com"


@pytest.mark.parametrize("answered", [0, 1])
def test_a_start_that_stripe_did_not_answer_is_finished_by_the_next_with_its_key(shop, user, outage, answered):
    with outage(after=answered), pytest.raises(StripeUnavailable):
        checkout.start(user, "large", idempotency_key="once")
    session = checkout.start(user, "large", idempotency_key="once")
    assert [found["id"] for found in shop.sandbox.all("checkout.session")] == [session.stripe_id]
    assert len(shop.sandbox.all("customer")) == 1


def test_a_session_whose_answer_was_lost_is_not_made_twice(shop, user):
    first = checkout.start(user, "large", idempotency_key="once")
    CheckoutSession.objects.update(stripe_id=None, url="")
    assert checkout.start(user, "large", idempotency_key="once").stripe_id == first.stripe_id


def test_what_stripe_has_forgotten_after_a_day_is_looked_for_before_it_is_made_again(shop, user):
    first = checkout.start(user, "large", idempotency_key="once")
    long_ago = timezone.now() - timedelta(hours=21)
    CheckoutSession.objects.update(stripe_id=None, url="", created_at=long_ago)
    Customer.objects.update(stripe_id=None, created_at=long_ago)
    shop.clock.advance(timedelta(hours=25))
    assert checkout.start(user, "large", idempotency_key="once").stripe_id == first.stripe_id
    assert len(shop.sandbox.all("customer")) == 1


def test_a_customer_who_was_deleted_at_stripe_is_replaced(shop, user):
    checkout.start(user, "large")
    old = Customer.objects.get()
    shop.sandbox.get("customer", old.stripe_id)["deleted"] = True
    session = checkout.start(user, "large")
    now = Customer.objects.get(is_current=True)
    assert at_stripe(shop, session)["customer"] == now.stripe_id != old.stripe_id
    assert Customer.objects.filter(pk=old.pk, is_current=None).exists()


def test_a_database_that_has_sold_in_test_mode_does_not_sell_in_live_mode(shop, user, settings):
    checkout.start(user, "large")
    settings.STRIPE_LIVE_MODE, settings.STRIPE_LIVE_SECRET_KEY = True, settings.STRIPE_TEST_SECRET_KEY
    with pytest.raises(ImproperlyConfigured, match="this database has sold in test mode"):
        checkout.start(user, "large")
    assert Customer.objects.get().is_current


@pytest.mark.once
def test_where_our_pages_have_no_address_payers_come_back_to_the_first_page(shop, user, settings):
    settings.ROOT_URLCONF = "tests.settings.urls"
    session = checkout.start(user, "large")
    assert session.success_url == "http://testserver/?session_id={CHECKOUT_SESSION_ID}"
    assert session.cancel_url == "http://testserver/"


def test_what_is_not_for_sale_is_unknown(shop, user, pack):
    CreditPack.objects.filter(pk=pack.pk).update(is_active=False)
    for item in ("absent", "large", pack):
        with pytest.raises(UnknownItem):
            checkout.start(user, item)


@pytest.mark.once
def test_a_plan_is_unknown_at_an_interval_or_in_a_currency_it_is_not_sold_by(shop, user):
    with pytest.raises(UnknownItem, match="'studio' is not sold by the year: there is month in usd"):
        checkout.start(user, "studio", interval="year")
    with pytest.raises(UnknownItem, match="'studio' is not sold by the month in eur"):
        checkout.start(user, "studio", currency="eur")
    with pytest.raises(UnknownItem, match="'large' is sold in usd, not in eur"):
        checkout.start(user, "large", currency="eur")


@pytest.mark.once
def test_what_is_no_item_is_a_mistake(shop, user):
    with pytest.raises(TypeError, match="Name a Plan, a CreditPack or a slug, not a int"):
        checkout.start(user, 7)


@pytest.mark.once
def test_options_are_passed_on_and_ours_are_not_overridden(shop, user, settings):
    settings.QUICKSCALE_BILLING = {
        "CHECKOUT": {
            "allow_promotion_codes": True,
            "automatic_tax": {"enabled": True},
            "locale": "de",
            "customer": "cus_mallory",
            "metadata": {"campaign": "spring", "quickscale_account": "0"},
            "payment_intent_data": {"description": "Credits", "metadata": {"quickscale_checkout": "0"}},
            "subscription_data": {"trial_period_days": 365},
        }
    }
    session = checkout.start(user, "large")
    found = at_stripe(shop, session)
    assert (found["allow_promotion_codes"], found["locale"]) == (True, "de")
    assert found["automatic_tax"]["enabled"]
    assert found["customer"] == user.credit_account.customers.get().stripe_id
    ours = {"quickscale_checkout": str(session.pk), "quickscale_account": str(session.account_id)}
    assert found["metadata"] == {"campaign": "spring"} | ours


def test_a_trial_is_offered_once_to_an_owner(shop, user):
    first = at_stripe(shop, checkout.start(user, "studio"))
    assert first["_subscription"]["trial_period_days"] == 7
    account = user.credit_account
    Fact.objects.create(key=f"trial:{account.pk}", kind=Fact.Kind.TRIAL, account=account, stripe_id="sub_1")
    assert "trial_period_days" not in at_stripe(shop, checkout.start(user, "studio"))["_subscription"]


@pytest.mark.once
@pytest.mark.parametrize(
    "url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "https://testserver@evil.example/", "ok"]
)
def test_stripe_leads_nobody_to_a_host_that_is_not_ours(shop, user, url):
    for name in ("success_url", "cancel_url"):
        with pytest.raises(ValueError, match="Stripe is not to lead anybody to"):
            checkout.start(user, "large", **{name: url})
    assert not CheckoutSession.objects.exists()


@pytest.mark.once
def test_a_star_among_the_hosts_allows_none_to_return_to(shop, user, settings):
    settings.ALLOWED_HOSTS = ["*"]
    with pytest.raises(ValueError, match="Stripe is not to lead"):
        checkout.start(user, "large", success_url="https://evil.example/")


@pytest.mark.once
def test_a_host_of_ours_may_be_returned_to(shop, user, settings):
    settings.QUICKSCALE_BILLING = {"SITE_URL": "https://inkwell.example", "CANCEL_URL": "/prices/"}
    session = checkout.start(user, "large", success_url="http://testserver/thanks/?id={CHECKOUT_SESSION_ID}")
    assert session.success_url == "http://testserver/thanks/?id={CHECKOUT_SESSION_ID}"
    assert session.cancel_url == "https://inkwell.example/prices/"


def test_who_is_subscribed_is_not_sold_a_second_plan_and_their_open_pages_are_closed(shop, user):
    earlier = checkout.start(user, "basic")
    subscribed(user)
    with pytest.raises(AlreadySubscribed, match="change its plan instead"):
        checkout.start(user, "pro")
    earlier.refresh_from_db()
    assert (earlier.status, at_stripe(shop, earlier)["status"]) == ("expired", "expired")


def test_who_is_subscribed_may_buy_packs(shop, user):
    subscribed(user)
    assert checkout.start(user, "large").url


def test_a_second_page_for_a_plan_closes_the_first_but_not_those_of_packs(shop, user):
    pack, basic = checkout.start(user, "large"), checkout.start(user, "basic")
    checkout.start(user, "pro")
    assert at_stripe(shop, basic)["status"] == "expired"
    assert at_stripe(shop, pack)["status"] == "open"


def test_already_subscribed_is_said_though_stripe_is_down(shop, user, outage):
    checkout.start(user, "basic")
    subscribed(user)
    with outage(), pytest.raises(AlreadySubscribed):
        checkout.start(user, "pro")


@pytest.mark.once
def test_inside_a_transaction_stripe_is_not_asked(shop, user):
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        checkout.start(user, "large")


def test_a_start_grants_nothing(shop, user):
    checkout.start(user, "large")
    assert ledger.balance(user).total == 0


@pytest.mark.once
def test_what_stripe_refuses_is_told_in_its_words(shop, user, settings):
    settings.QUICKSCALE_BILLING = {"CHECKOUT": {"nonsense": True}}
    with pytest.raises(StripeRefused, match="nonsense") as refusal:
        checkout.start(user, "large")
    assert refusal.value.code == "parameter_unknown"


def test_a_plan_without_a_price_is_unknown(shop, user):
    plan = Plan.objects.create(slug="bare", name="Bare", credits=1)
    with pytest.raises(UnknownItem, match="it has no price"):
        checkout.start(user, plan)
