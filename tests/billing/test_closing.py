"""`billing.close`, and what may be deleted before and after it."""

import json
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db.models import ProtectedError
from django.test import override_settings

from quickscale_billing import billing, checkout, facts, history, subscriptions
from quickscale_billing.exceptions import StripeUnavailable
from quickscale_billing.models import CheckoutSession, Customer, Payment, PlanSubscription
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount
from quickscale_credits.testing import assert_balance
from quickscale_services import registry
from quickscale_services.models import ApiKey, ServiceRun
from tests.billing.webhooks import connect

EMAIL = "ada.lovelace@example.org"


@pytest.fixture
def ada(shop: Any) -> Any:
    return get_user_model().objects.create_user("ada", email=EMAIL)


def subscribe(shop: Any, owner: Any, plan: str = "pro") -> PlanSubscription:
    session = checkout.start(owner, plan)
    shop.pay(session, email=EMAIL, name="Ada Lovelace")
    facts.settle_session(session.stripe_id)
    return subscriptions.current(owner)


def at_stripe(shop: Any, kind: str) -> list[str]:
    return [each["status"] for each in shop.sandbox.all(kind)]


def test_whoever_is_still_charged_is_not_deleted_until_they_are_closed(shop: Any, ada: Any) -> None:
    subscription = subscribe(shop, ada)
    for delete in (ada.delete, get_user_model().objects.filter(pk=ada.pk).delete):
        with pytest.raises(ProtectedError, match=r"billing.close") as refused:
            delete()
        assert refused.value.protected_objects == {subscription}
        assert get_user_model().objects.filter(pk=ada.pk).exists()  # and the transaction is usable
    billing.close(ada)
    assert at_stripe(shop, "subscription") == ["canceled"]
    ada.delete()
    assert CreditAccount.objects.get().owner is None
    assert_balance(CreditAccount.objects.get(), 11_000)


def test_the_admin_says_kindly_what_protects_them(shop: Any, ada: Any, admin_client: Any) -> None:
    subscribe(shop, ada)
    response = admin_client.get(f"/admin/auth/user/{ada.pk}/delete/")
    page = response.content.decode()
    assert (response.status_code, "protected" in page) == (200, True)
    assert "Subscription: Pro (Active). Close the billing of ada before you delete them" in page
    assert admin_client.post(f"/admin/auth/user/{ada.pk}/delete/", {"post": "yes"}).status_code == 200
    assert get_user_model().objects.filter(pk=ada.pk).exists()


def test_closing_ends_what_no_event_told_of(shop: Any, ada: Any) -> None:
    shop.webhooks.hold()
    shop.pay(checkout.start(ada, "pro"))
    assert not PlanSubscription.objects.exists()
    billing.close(ada)
    assert (at_stripe(shop, "subscription"), PlanSubscription.objects.get().status) == (["canceled"], "canceled")


def test_closing_ends_a_scheduled_change_and_an_unpaid_beginning(shop: Any, ada: Any) -> None:
    subscribe(shop, ada)
    subscriptions.change_plan(ada, "basic")
    billing.close(ada)
    assert at_stripe(shop, "subscription") == ["canceled"]
    assert not PlanSubscription.objects.chargeable().exists()


def test_nobody_can_pay_on_a_page_that_was_open(shop: Any, ada: Any) -> None:
    for item in ("large", "pro"):
        checkout.start(ada, item)
    billing.close(ada)
    assert set(CheckoutSession.objects.values_list("status", flat=True)) == {"expired"}
    assert at_stripe(shop, "checkout.session") == ["expired", "expired"]


def test_cards_are_detached_and_keys_revoked_and_what_waits_is_canceled(shop: Any, ada: Any) -> None:
    subscribe(shop, ada)
    _, plain = ApiKey.objects.issue(ada, name="program")
    run = registry["text-summary"].enqueue(ada, text="One. Two.")
    billing.close(ada)
    assert {method["customer"] for method in shop.sandbox.all("payment_method")} == {None}
    assert ApiKey.objects.verify(plain) is None
    assert ServiceRun.objects.get(pk=run.pk).status == "canceled"
    assert ledger.balance(ada).held == 0


def test_24_no_personal_data_is_left(shop: Any, ada: Any) -> None:
    connect(shop)
    subscribe(shop, ada)
    shop.webhooks.deliver()
    assert history.receipts.assigned(Payment.objects.get()).buyer
    assert EMAIL in everything()
    billing.close(ada)
    before = ledger_of(ada)
    account = CreditAccount.objects.get()
    ada.delete()
    for personal in (EMAIL, "Ada Lovelace", "lovelace"):
        assert personal not in everything()
    assert ledger_of(account) == before
    assert ledger.verify().ok


def everything() -> str:
    """All that billing, dj-stripe and credits keep, as text."""
    labels = ("quickscale_billing", "quickscale_credits", "quickscale_services", "djstripe")
    models = [model for label in labels for model in apps.get_app_config(label).get_models()]
    return json.dumps([list(model._base_manager.values()) for model in models], default=str)


def ledger_of(owner: Any) -> list[Any]:
    return list(CreditAccount.objects.get().entries.order_by("sequence").values_list())


def test_closing_twice_or_somebody_who_never_paid_is_nothing_special(shop: Any, ada: Any) -> None:
    billing.close(ada)
    subscribe(shop, ada)
    billing.close(ada)
    billing.close(ada)
    assert Customer.objects.get().email == ""


def test_a_customer_who_was_deleted_at_stripe_can_be_closed(shop: Any, ada: Any) -> None:
    subscribe(shop, ada)
    stripe_client().v1.customers.delete(Customer.objects.get().stripe_id)
    billing.close(ada)
    ada.delete()
    assert at_stripe(shop, "subscription") == ["canceled"]


def test_a_customer_whom_stripe_does_not_know_any_more_is_closed_and_said(shop: Any, ada: Any, caplog: Any) -> None:
    subscription = subscribe(shop, ada)
    checkout.start(ada, "large")
    forget(shop, "customer", "subscription", "payment_method", "checkout.session")
    customer = str(Customer.objects.get().stripe_id)
    closed = billing.close(ada)
    assert (closed.canceled, closed.detached) == ([], [])
    assert closed.unknown == [customer, subscription.stripe_id]
    assert f"Stripe does not know ['{customer}', '{subscription.stripe_id}']" in caplog.text
    subscription.refresh_from_db()
    assert (subscription.status, subscription.ended_at is None) == ("canceled", False)
    assert not subscription.segments.filter(next_refill_at__isnull=False).exists()
    assert CheckoutSession.objects.open().count() == 0
    assert Customer.objects.get().email == ""
    assert billing.close(ada).unknown == [customer]
    ada.delete()


def test_a_subscription_that_stripe_does_not_know_any_more_is_ended_here(shop: Any, ada: Any) -> None:
    lost = subscribe(shop, ada)
    forget(shop, "subscription")
    closed = billing.close(ada)
    assert (closed.unknown, len(closed.detached)) == ([lost.stripe_id], 1)
    assert not PlanSubscription.objects.chargeable().exists()


def forget(shop: Any, *kinds: str) -> None:
    """As if all test data had been deleted at Stripe, or the key of another account were used."""
    for kind in kinds:
        for found in shop.sandbox.all(kind):
            shop.sandbox.remove(found)


def test_what_was_found_is_answered(shop: Any, ada: Any) -> None:
    assert billing.close(ada) == billing.Closed()
    subscription = subscribe(shop, ada)
    [method] = [each["id"] for each in shop.sandbox.all("payment_method")]
    closed = billing.close(ada)
    assert closed == billing.Closed(canceled=[subscription.stripe_id], detached=[method])
    assert billing.close(ada) == billing.Closed()


def test_nobody_is_closed_with_the_key_of_the_other_mode(shop: Any, ada: Any) -> None:
    subscribe(shop, ada)
    with override_settings(STRIPE_LIVE_MODE=True), pytest.raises(ImproperlyConfigured, match="has sold in test mode"):
        billing.close(ada)
    assert Customer.objects.get().email == EMAIL


def test_where_stripe_is_away_nothing_is_forgotten_and_the_next_time_ends_it(shop: Any, ada: Any, outage: Any) -> None:
    subscribe(shop, ada)
    for after in range(3):
        with outage(after=after), pytest.raises(StripeUnavailable):
            billing.close(ada)
        assert Customer.objects.get().email == EMAIL
    billing.close(ada)
    ada.delete()


def test_whoever_was_closed_can_buy_again(shop: Any, ada: Any) -> None:
    subscribe(shop, ada)
    billing.close(ada)
    subscribe(shop, ada, "basic")
    assert subscriptions.is_active(ada, "basic")


def test_a_promotion_code_that_covers_all_buys_a_pack_and_a_plan(shop: Any, ada: Any) -> None:
    coupon = stripe_client().v1.coupons.create({"percent_off": 100, "duration": "once"})
    stripe_client().v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "FREE"})
    with override_settings(QUICKSCALE_BILLING={"CHECKOUT": {"allow_promotion_codes": True}}):
        for item in ("large", "pro"):
            session = checkout.start(ada, item)
            enter_code(shop, session, "FREE")
            shop.pay(session)
            facts.settle_session(session.stripe_id)
    # The bonus of a plan waits for its first payment above 0, and a period of a plan is one whose price is.
    assert_balance(ada, 1_050 + 10_000)


def enter_code(shop: Any, session: Any, code: str) -> None:
    """As it is typed on the hosted page."""
    body = urlencode({"step": "promotion", "promotionCode": code}).encode()
    with urlopen(session.url, body) as page:
        assert "This code is invalid." not in page.read().decode()
