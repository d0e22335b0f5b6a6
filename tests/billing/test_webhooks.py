"""Webhooks: what is believed, what is refused, what is stored, and that a fact is booked once."""

import json
import os
import random
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.test import Client, TestCase
from django.urls import reverse
from djstripe.models import WebhookEndpoint, WebhookEventTrigger

from quickscale_billing import checkout, inbox
from quickscale_billing.models import CheckoutSession, CreditPack, Customer, Fact, InboxItem, Purchase
from quickscale_billing.stripe import webhooks
from quickscale_billing.testing.webhooks import signature
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.testing import assert_balance
from tests.billing.webhooks import connect

FORGERIES = int(os.environ.get("QUICKSCALE_FORGERIES", 500))


@pytest.fixture
def endpoint(clock: Any, shop: Any) -> Any:
    return connect(shop)


@pytest.fixture
def buyer(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def paid(shop: Any, endpoint: Any, buyer: Any) -> CheckoutSession:
    """A pack of 1050 credits, whose webhooks wait."""
    shop.webhooks.hold()
    session = checkout.start(buyer, "large")
    shop.pay(session)
    return session


def sent(endpoint: WebhookEndpoint, body: Any, **headers: str) -> int:
    """The answer to a delivery, signed with the endpoint's secret unless a header says otherwise."""
    text = body if isinstance(body, str) else json.dumps(body)
    signed = {"Stripe-Signature": signature(text.encode(), endpoint.secret)} | headers
    address = reverse("djstripe:djstripe_webhook_by_uuid", args=[endpoint.djstripe_uuid])
    client = Client(raise_request_exception=False)
    with TestCase.captureOnCommitCallbacks(execute=True):
        return client.post(address, text, content_type="application/json", headers=signed).status_code


def completed(session: CheckoutSession, **changes: Any) -> dict[str, Any]:
    """An event that says the session was paid; what it says beyond the session's id is never believed."""
    told = {"id": session.stripe_id, "object": "checkout.session", "payment_status": "paid"}
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-05-27.dahlia",
        "created": 1,
        "livemode": False,
        "type": "checkout.session.completed",
        "data": {"object": told},
    } | changes


def test_a_pack_that_was_paid_is_given_when_its_webhook_comes(shop: Any, paid: CheckoutSession, buyer: Any) -> None:
    assert_balance(buyer, 0)
    shop.webhooks.deliver()
    assert_balance(buyer, 1_050)
    assert InboxItem.objects.get().state == "settled"
    assert CheckoutSession.objects.get().status == "complete"


def test_it_is_given_to_whoever_began_the_checkout_though_the_customer_is_linked_anew(
    shop: Any, paid: CheckoutSession, buyer: Any
) -> None:
    other = get_user_model().objects.create_user("grace")
    Customer.objects.update(account=open_account(other))
    shop.webhooks.deliver()
    assert_balance(buyer, 1_050)
    assert_balance(other, 0)


def test_it_is_given_where_each_request_is_a_transaction(
    shop: Any, paid: CheckoutSession, buyer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    shop.webhooks.deliver()
    assert_balance(buyer, 1_050)


def test_a_purchase_keeps_the_money_and_the_terms_of_the_sale(shop: Any, paid: CheckoutSession, buyer: Any) -> None:
    CreditPack.objects.update(credits=1, bonus_credits=0)
    shop.webhooks.deliver()
    purchase = Purchase.objects.get()
    assert (purchase.amount, purchase.currency, purchase.credits, purchase.bonus_credits) == (4_900, "usd", 1_000, 50)
    assert purchase.checkout == paid
    assert purchase.entry.amount == 1_050
    assert purchase.stripe_payment_intent_id


def test_what_a_webhook_brings_twice_is_given_once(shop: Any, paid: CheckoutSession, buyer: Any) -> None:
    shop.webhooks.duplicate()
    shop.webhooks.deliver()
    shop.webhooks.duplicate()
    assert_balance(buyer, 1_050)


def test_another_event_about_what_was_paid_gives_nothing_more(
    shop: Any, paid: CheckoutSession, endpoint: Any, buyer: Any
) -> None:
    shop.webhooks.deliver()
    assert sent(endpoint, completed(paid, type="checkout.session.async_payment_succeeded")) == 200
    assert_balance(buyer, 1_050)
    assert Fact.objects.count() == 1


@pytest.mark.parametrize("item", ["large", "basic"])
def test_an_event_about_a_session_that_is_not_paid_gives_nothing(
    shop: Any, endpoint: Any, buyer: Any, item: str
) -> None:
    session = checkout.start(buyer, item)
    assert sent(endpoint, completed(session)) == 200
    assert_balance(buyer, 0)
    assert InboxItem.objects.get().state == "settled"


def test_what_was_noted_before_the_process_was_killed_is_settled_by_the_sweep(
    paid: CheckoutSession, buyer: Any
) -> None:
    InboxItem.objects.create(kind="session", stripe_id=paid.stripe_id)
    call_command("settle_facts")
    assert_balance(buyer, 1_050)


def test_while_stripe_is_away_the_next_attempts_are_put_off(paid: CheckoutSession, outage: Any, clock: Any) -> None:
    with outage(), TestCase.captureOnCommitCallbacks(execute=True):
        inbox.receive(InboxItem.Kind.SESSION, str(paid.stripe_id))
    with outage():
        assert list(inbox.sweep_each()) == []
        clock.shift(timedelta(minutes=1))
        assert list(inbox.sweep_each()) == [False]
        assert list(inbox.sweep_each()) == []
    clock.shift(timedelta(minutes=2))
    assert list(inbox.sweep_each()) == [True]


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_after_the_commit_fails_no_delivery(caplog: pytest.LogCaptureFixture) -> None:
    """The event is noted; the sweep will settle it."""

    def fail(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("the disk is full")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail), transaction.atomic():
        inbox.receive(InboxItem.Kind.SESSION, "cs_1")
    assert InboxItem.objects.get().state == "arrived"
    assert "the disk is full" in caplog.text


@pytest.mark.parametrize("lost", ["customer", "price"])
def test_what_nobody_knows_is_kept_and_shown_and_can_be_claimed(
    lost: str, shop: Any, paid: CheckoutSession, buyer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    customer = Customer.objects.get()
    price = CreditPack.objects.get(slug="large").stripe_price_id
    CheckoutSession.objects.all().delete()
    forgotten = {"customer": Customer.objects.filter(pk=customer.pk), "price": CreditPack.objects.filter(slug="large")}
    column = {"customer": "stripe_id", "price": "stripe_price_id"}[lost]
    forgotten[lost].update(**{column: None})
    assert {delivery.statuses[-1] for delivery in shop.webhooks.deliver()} == {200}
    call_command("settle_facts")
    assert re.search(r"needs attention: .*(is nobody here|is of no pack here)", capsys.readouterr().err)
    forgotten[lost].update(**{column: {"customer": customer.stripe_id, "price": price}[lost]})
    call_command("settle_facts", "--all")
    assert_balance(buyer, 1_050)


@pytest.mark.django_db(transaction=True)
def test_an_event_that_arrives_during_a_settlement_is_looked_at_for_itself(
    shop: Any, paid: CheckoutSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = shop.api.answer

    def interrupted(*request: Any) -> Any:
        InboxItem.objects.update(arrivals=2)
        connection.close()
        return answer(*request)

    monkeypatch.setattr(shop.api, "answer", interrupted)
    inbox.receive(InboxItem.Kind.SESSION, str(paid.stripe_id))
    assert InboxItem.objects.get().state == "arrived"


@pytest.mark.once
@pytest.mark.parametrize(
    "header",
    ["", "t=1,v1=", "nonsense", "t=x,v1=00", "v1=00", "t=1", "t=1,v1=é", f"t={10**20},v1=00", "t=1,v0=00"],
)
def test_a_forged_event_is_refused(header: str, endpoint: Any, paid: CheckoutSession, buyer: Any) -> None:
    assert sent(endpoint, completed(paid), **{"Stripe-Signature": header}) == 400
    assert not InboxItem.objects.exists()


@pytest.mark.once
def test_an_event_signed_with_another_secret_is_refused(endpoint: Any, paid: CheckoutSession) -> None:
    body = json.dumps(completed(paid))
    forged = signature(body.encode(), "whsec_of_somebody_else")
    assert sent(endpoint, body, **{"Stripe-Signature": forged}) == 400


@pytest.mark.once
def test_an_altered_event_is_refused(endpoint: Any, paid: CheckoutSession) -> None:
    signed = signature(json.dumps(completed(paid)).encode(), endpoint.secret)
    assert sent(endpoint, completed(paid, id="evt_2"), **{"Stripe-Signature": signed}) == 400


@pytest.mark.once
def test_an_old_event_is_refused(endpoint: Any, paid: CheckoutSession) -> None:
    body = json.dumps(completed(paid))
    signed = signature(body.encode(), endpoint.secret, at=int(time.time()) - 301)
    assert sent(endpoint, body, **{"Stripe-Signature": signed}) == 400


@pytest.mark.once
@pytest.mark.parametrize("mode", [True, None, "false", 0])
def test_an_event_of_another_mode_is_refused(mode: Any, endpoint: Any, paid: CheckoutSession) -> None:
    assert sent(endpoint, completed(paid, livemode=mode)) == 400
    assert not InboxItem.objects.exists()


def test_a_database_of_the_other_mode_believes_nothing(endpoint: Any, paid: CheckoutSession) -> None:
    Customer.objects.update(livemode=True)
    assert sent(endpoint, completed(paid)) == 400


@pytest.mark.once
def test_a_sender_does_not_choose_the_secret_though_debug_is_on(
    endpoint: Any, paid: CheckoutSession, settings: Any
) -> None:
    settings.DEBUG = True
    body = json.dumps(completed(paid))
    chosen = {"Stripe-Signature": signature(body.encode(), "mine"), "X-Djstripe-Webhook-Secret": "mine"}
    assert sent(endpoint, body, **chosen) == 400


@pytest.mark.once
def test_an_endpoint_that_verifies_nothing_is_not_believed(endpoint: Any, paid: CheckoutSession, recwarn: Any) -> None:
    WebhookEndpoint.objects.update(djstripe_validation_method="none")
    with pytest.warns(UserWarning, match="VALIDATION is disabled"):
        assert sent(endpoint, completed(paid)) == 400


@pytest.mark.parametrize(
    "body", ["", "5", "null", "[]", "[" * 100_000, '{"id": 1', "\x00", '"\\ud800"', "{}", '{"livemode": false}']
)
def test_what_is_no_event_is_refused(body: str, endpoint: Any) -> None:
    assert sent(endpoint, body) == 400


def test_of_a_delivery_that_is_too_long_nothing_is_stored(endpoint: Any, paid: CheckoutSession) -> None:
    assert sent(endpoint, completed(paid, padding="x" * webhooks.MOST_BYTES)) == 400
    assert WebhookEventTrigger.objects.get().body == ""


def test_of_the_headers_only_those_that_are_needed_are_stored(endpoint: Any, paid: CheckoutSession) -> None:
    sent(endpoint, completed(paid), Cookie="sessionid=secret", Authorization="Bearer qs_secret")
    assert set(WebhookEventTrigger.objects.get().headers) <= webhooks.KEPT_HEADERS


@pytest.mark.parametrize("address", ["not an address", "1.2.3.4:99999999", "x" * 9_000])
def test_a_claimed_address_that_is_none_does_no_harm(address: str, endpoint: Any, paid: CheckoutSession) -> None:
    assert sent(endpoint, completed(paid), **{"X-Forwarded-For": address}) == 200


def test_no_more_deliveries_are_stored_than_fit(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_DELIVERIES", 5)
    for _ in range(8):
        sent(endpoint, "{}")
    assert WebhookEventTrigger.objects.count() == 5


def test_deliveries_are_stored_for_a_week(endpoint: Any, clock: Any) -> None:
    sent(endpoint, "{}")
    clock.shift(timedelta(days=7, minutes=1))
    call_command("settle_facts")
    assert not WebhookEventTrigger.objects.exists()


def test_settled_items_are_kept_for_a_week(shop: Any, paid: CheckoutSession, buyer: Any, clock: Any) -> None:
    shop.webhooks.deliver()
    clock.shift(timedelta(days=7, minutes=1))
    call_command("settle_facts")
    assert not InboxItem.objects.exists()
    assert Fact.objects.count() == 1


def test_what_is_altered_anywhere_is_refused(endpoint: Any, paid: CheckoutSession, buyer: Any) -> None:
    """Each a genuine one, of which something is altered: a byte of the body, the time, or the signature."""
    chance, body = random.Random(int(os.environ.get("QUICKSCALE_SEED", 15))), json.dumps(completed(paid))
    signed = signature(body.encode(), endpoint.secret)
    for _ in range(FORGERIES):
        forged = [altered(body, chance), signed] if chance.random() < 0.5 else [body, altered(signed, chance)]
        assert sent(endpoint, forged[0], **{"Stripe-Signature": forged[1]}) == 400, forged
    assert_balance(buyer, 0)
    assert not InboxItem.objects.exists()


def altered(text: str, chance: random.Random) -> str:
    """Another character somewhere, that is neither a blank nor part of a name that is not looked at."""
    place = chance.choice([place for place, found in enumerate(text) if found.isalnum()])
    other = chance.choice([found for found in "0123456789abcdefABCDEF" if found != text[place]])
    return text[:place] + other + text[place + 1 :]
