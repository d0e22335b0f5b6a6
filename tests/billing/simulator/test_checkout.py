"""Packs are bought on the hosted page. https://docs.stripe.com/payments/checkout"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
import stripe

from quickscale_billing.testing import StripeSimulator
from quickscale_billing.testing.errors import StripeError

pytestmark = pytest.mark.once

AUTHENTICATED_ALWAYS, AUTHENTICATED_ONCE = "4000000000003220", "4000002500003155"


@pytest.fixture
def session(client: Any, price: Callable[..., Any]) -> Any:
    return open_session(client, price(4900).id)


def open_session(client: Any, price: str, **more: Any) -> Any:
    lines = [{"price": price, "quantity": 1}]
    address = "http://testserver/done?session={CHECKOUT_SESSION_ID}"
    return client.checkout.sessions.create({"mode": "payment", "line_items": lines, "success_url": address, **more})


def test_an_open_session_is_unpaid_and_has_no_intent_yet(session: Any) -> None:
    """https://docs.stripe.com/api/checkout/sessions/object"""
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.currency) == (4900, "usd")


def test_paying_completes_the_session(session: Any, client: Any, stripe_simulator: StripeSimulator) -> None:
    """https://docs.stripe.com/checkout/fulfillment"""
    stripe_simulator.pay(session)
    done = client.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge", "line_items"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert done.payment_intent.latest_charge.payment_method_details.card.last4 == "4242"
    assert done.line_items.data[0].amount_total == 4900


def test_what_happens_is_told_by_events(session: Any, events: Any, stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.pay(session)
    assert events()[-4:] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


@pytest.mark.parametrize(
    ("number", "code"),
    [("4000000000000002", "generic_decline"), ("4000000000009995", "insufficient_funds")],
)
def test_a_declined_card_leaves_the_session_open(
    number: str, code: str, session: Any, client: Any, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/testing#declined-payments"""
    with pytest.raises(StripeError, match=r"Your card"):
        stripe_simulator.pay(session, card=number)
    intent = client.payment_intents.list().data[0]
    assert (intent.status, intent.last_payment_error.decline_code) == ("requires_payment_method", code)
    stripe_simulator.pay(session)
    assert client.checkout.sessions.retrieve(session.id).payment_intent == intent.id


@pytest.mark.parametrize("number", [AUTHENTICATED_ALWAYS, AUTHENTICATED_ONCE])
def test_a_card_may_ask_for_authentication(number: str, session: Any, stripe_simulator: StripeSimulator) -> None:
    """https://docs.stripe.com/testing#three-ds-cards"""
    with pytest.raises(StripeError, match="unable to authenticate"):
        stripe_simulator.pay(session, card=number, authenticate=False)
    assert stripe_simulator.pay(session, card=number)["payment_status"] == "paid"


def test_a_browser_pays_on_the_page_and_is_sent_on(session: Any, stripe_simulator: StripeSimulator) -> None:
    form = {"step": "pay", "email": "ada@example.com", "cardNumber": "4242 4242 4242 4242"}
    assert 'name="cardNumber"' in requests.get(session.url, timeout=5).text
    paid = requests.post(session.url, data=form, allow_redirects=False, timeout=5)
    assert paid.headers["Location"] == f"http://testserver/done?session={session.id}"
    assert "You are all done here" in requests.get(session.url, timeout=5).text


def test_the_page_sends_the_browser_to_the_challenge(session: Any, stripe_simulator: StripeSimulator) -> None:
    form = {"step": "pay", "email": "ada@example.com", "cardNumber": AUTHENTICATED_ALWAYS}
    asked = requests.post(session.url, data=form, timeout=5)
    assert "/authenticate/pi_" in asked.url
    passed = requests.post(asked.url, data={"step": "complete"}, allow_redirects=False, timeout=5)
    assert passed.headers["Location"].endswith(session.id)


def test_the_page_says_why_a_card_was_declined(session: Any) -> None:
    form = {"step": "pay", "email": "ada@example.com", "cardNumber": "4000000000009995"}
    assert "insufficient funds" in requests.post(session.url, data=form, timeout=5).text


def test_the_page_runs_no_script_and_escapes_what_it_shows(client: Any) -> None:
    product = client.products.create({"name": "<script>alert(1)</script>"})
    sold = client.prices.create({"product": product.id, "currency": "usd", "unit_amount": 100})
    shown = requests.get(open_session(client, sold.id).url, timeout=5)
    assert shown.headers["Content-Security-Policy"] == "default-src 'self'"
    assert "<script" not in shown.text
    assert "style=" not in shown.text


def test_a_session_expires_after_a_day(session: Any, client: Any, stripe_simulator: StripeSimulator) -> None:
    """https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at"""
    stripe_simulator.clock.advance(timedelta(hours=24))
    assert client.checkout.sessions.retrieve(session.id).status == "expired"
    assert client.events.list().data[0].type == "checkout.session.expired"


def test_only_an_open_session_can_be_expired(session: Any, client: Any, stripe_simulator: StripeSimulator) -> None:
    """https://docs.stripe.com/api/checkout/sessions/expire"""
    stripe_simulator.pay(session)
    with pytest.raises(stripe.InvalidRequestError, match="status of `complete`"):
        client.checkout.sessions.expire(session.id)


def test_a_recurring_price_cannot_be_sold_once(client: Any, price: Callable[..., Any]) -> None:
    """https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-mode"""
    with pytest.raises(stripe.InvalidRequestError, match="recurring price"):
        open_session(client, price(2900, "month").id)


def test_a_discount_of_everything_needs_no_payment(
    client: Any, price: Callable[..., Any], stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/payments/checkout/no-cost-orders"""
    coupon = client.coupons.create({"percent_off": 100, "duration": "once"})
    free = open_session(client, price(4900).id, discounts=[{"coupon": coupon.id}])
    paid = stripe_simulator.pay(free)
    assert (paid["payment_status"], paid["payment_intent"], paid["amount_total"]) == ("no_payment_required", None, 0)


def test_a_promotion_code_is_typed_on_the_page(client: Any, price: Callable[..., Any]) -> None:
    """https://docs.stripe.com/payments/checkout/discounts"""
    coupon = client.coupons.create({"amount_off": 900, "currency": "usd", "duration": "once"})
    client.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "SAVE9"})
    session = open_session(client, price(4900).id, allow_promotion_codes=True)
    shown = requests.post(session.url, data={"step": "promotion", "promotionCode": "save9"}, timeout=5)
    assert "40.00 USD" in shown.text
    assert client.checkout.sessions.retrieve(session.id).total_details.amount_discount == 900


def test_the_next_payment_can_be_made_to_fail(session: Any, stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.decline_next(code="insufficient_funds")
    with pytest.raises(StripeError, match="insufficient funds"):
        stripe_simulator.pay(session)
    assert stripe_simulator.pay(session)["payment_status"] == "paid"


def test_a_code_typed_after_a_declined_card_counts(
    client: Any, price: Callable[..., Any], stripe_simulator: StripeSimulator
) -> None:
    coupon = client.coupons.create({"percent_off": 50, "duration": "once"})
    client.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"})
    session = open_session(client, price(4900).id, allow_promotion_codes=True)
    with pytest.raises(StripeError):
        stripe_simulator.pay(session, card="4000000000000002")
    requests.post(session.url, data={"step": "promotion", "promotionCode": "HALF"}, timeout=5)
    paid = stripe_simulator.pay(session)
    assert client.payment_intents.retrieve(paid["payment_intent"]).amount_received == 2450


class TestSubscribing:
    """https://docs.stripe.com/payments/checkout/subscriptions"""

    @pytest.fixture
    def begin(self, client: Any, price: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **more: open_session(client, price(2900, "month").id, mode="subscription", **more)

    def test_paying_begins_the_subscription(self, client: Any, begin: Any, stripe_simulator: StripeSimulator) -> None:
        paid = stripe_simulator.pay(begin(subscription_data={"metadata": {"plan": "pro"}}))
        begun = client.subscriptions.retrieve(paid["subscription"], {"expand": ["latest_invoice"]})
        assert (begun.status, begun.metadata["plan"], begun.customer) == ("active", "pro", paid["customer"])
        assert (begun.latest_invoice.id, begun.latest_invoice.amount_paid) == (paid["invoice"], 2900)
        assert client.payment_methods.retrieve(begun.default_payment_method).customer == paid["customer"]

    def test_a_declined_card_begins_nothing(self, client: Any, begin: Any, stripe_simulator: StripeSimulator) -> None:
        with pytest.raises(StripeError):
            stripe_simulator.pay(begin(), card="4000000000000002")
        assert client.subscriptions.list({"status": "all"}).data == []

    def test_a_trial_keeps_the_card_and_takes_nothing(
        self, client: Any, begin: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/payments/checkout/free-trials"""
        done = stripe_simulator.pay(begin(subscription_data={"trial_period_days": 7}))
        assert (done["payment_status"], done["amount_total"]) == ("no_payment_required", 0)
        assert client.subscriptions.retrieve(done["subscription"]).status == "trialing"
        stripe_simulator.clock.advance(timedelta(days=7, hours=1))
        assert client.invoices.list({"subscription": done["subscription"]}).data[0].amount_paid == 2900

    @pytest.mark.parametrize(("balance", "charged"), [(-1900, [1000]), (-5000, []), (100, [3000])])
    def test_the_balance_counts(
        self, balance: int, charged: list[int], client: Any, begin: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/billing/customer/balance"""
        owner = client.customers.create({"balance": balance}).id
        paid = stripe_simulator.pay(begin(customer=owner))
        assert [charge.amount for charge in client.charges.list().data] == charged
        assert client.invoices.retrieve(paid["invoice"]).status == "paid"
        assert client.customers.retrieve(owner).balance == min(0, balance + 2900)


class TestBankDebits:
    """https://docs.stripe.com/checkout/fulfillment#delayed-notification"""

    @pytest.fixture
    def debited(self, client: Any, price: Callable[..., Any]) -> Any:
        return open_session(client, price(4900, currency="eur").id, payment_method_types=["card", "sepa_debit"])

    def test_the_session_is_complete_before_it_is_paid(
        self, debited: Any, client: Any, events: Any, stripe_simulator: StripeSimulator
    ) -> None:
        done = stripe_simulator.pay(debited, card="DE89370400440532013000")
        assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
        assert client.payment_intents.retrieve(done["payment_intent"]).status == "processing"
        stripe_simulator.clock.advance(timedelta(minutes=1))
        assert client.checkout.sessions.retrieve(debited.id).payment_status == "paid"
        assert events()[-1] == "checkout.session.async_payment_succeeded"

    def test_or_it_is_never_paid(
        self, debited: Any, client: Any, events: Any, stripe_simulator: StripeSimulator
    ) -> None:
        done = stripe_simulator.pay(debited, card="DE78370400440532013004")
        stripe_simulator.clock.advance(timedelta(minutes=3))
        assert client.checkout.sessions.retrieve(debited.id).payment_status == "unpaid"
        assert client.charges.list({"payment_intent": done["payment_intent"]}).data[0].status == "failed"
        assert events()[-1] == "checkout.session.async_payment_failed"

    def test_a_session_takes_what_it_says(self, session: Any, stripe_simulator: StripeSimulator) -> None:
        with pytest.raises(StripeError, match="does not take sepa_debit"):
            stripe_simulator.pay(session, card="DE89370400440532013000")
