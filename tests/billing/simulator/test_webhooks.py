"""Events are delivered, signed, over real HTTP. https://docs.stripe.com/webhooks"""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from quickscale_billing.testing import StripeSimulator

pytestmark = pytest.mark.once


class Receiver(ThreadingHTTPServer):
    """Keeps what comes, and answers with `status`; `asks` is called before it answers."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str]] = []
        self.status = 200
        self.asks: Any = lambda: None
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.received]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((body, self.headers["Stripe-Signature"]))
        self.server.asks()
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def endpoint(client: Any, receiver: Receiver) -> Any:
    address = f"http://127.0.0.1:{receiver.server_port}/hooks"
    asked = {"url": address, "enabled_events": ["customer.created", "customer.updated"]}
    return client.webhook_endpoints.create({**asked, "api_version": "2026-05-27.dahlia"})


def make_customers(client: Any, *names: str) -> None:
    for name in names:
        client.customers.create({"name": name})


def names(receiver: Receiver) -> list[str]:
    return [json.loads(body)["data"]["object"]["name"] for body, _ in receiver.received]


def test_a_delivery_is_signed_with_the_secret_of_the_endpoint(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/webhooks#verify-events"""
    make_customers(client, "Ada")
    stripe_simulator.webhooks.deliver()
    (body, signature), *rest = receiver.received
    event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
    assert (event.type, event.data.object.name, rest) == ("customer.created", "Ada", [])
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_of_somebody_else")


def test_the_secret_is_told_once(client: Any, endpoint: Any) -> None:
    """https://docs.stripe.com/api/webhook_endpoints/object#webhook_endpoint_object-secret"""
    assert endpoint.secret.startswith("whsec_")
    assert "secret" not in client.webhook_endpoints.retrieve(endpoint.id)


def test_only_the_events_that_are_wanted_come(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    client.products.create({"name": "Pack"})
    make_customers(client, "Ada")
    stripe_simulator.webhooks.deliver()
    assert receiver.kinds == ["customer.created"]


def test_what_a_verb_of_the_simulator_causes_is_delivered_before_it_returns(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    make_customers(client, "Ada")
    assert receiver.kinds == []
    stripe_simulator.clock.advance(timedelta(hours=1))
    assert receiver.kinds == ["customer.created"]


def test_held_deliveries_wait_until_they_are_let_go(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    stripe_simulator.webhooks.hold()
    make_customers(client, "Ada")
    stripe_simulator.clock.advance(timedelta(days=1))
    assert receiver.kinds == []
    stripe_simulator.webhooks.deliver()
    assert receiver.kinds == ["customer.created"]


def test_they_can_be_doubled(client: Any, endpoint: Any, receiver: Any, stripe_simulator: StripeSimulator) -> None:
    """https://docs.stripe.com/webhooks#handle-duplicate-events"""
    stripe_simulator.webhooks.hold()
    make_customers(client, "Ada", "Bob")
    stripe_simulator.webhooks.duplicate()
    stripe_simulator.webhooks.deliver()
    assert names(receiver) == ["Ada", "Bob", "Ada", "Bob"]
    stripe_simulator.webhooks.duplicate()
    assert names(receiver)[4:] == ["Bob"]


def test_they_can_be_shuffled_always_alike(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/webhooks#event-ordering"""
    stripe_simulator.webhooks.hold()
    for _ in range(2):
        make_customers(client, *"ABCDEF")
        stripe_simulator.webhooks.shuffle(7)
        stripe_simulator.webhooks.deliver()
        stripe_simulator.webhooks.hold()
    assert names(receiver)[:6] == names(receiver)[6:] != list("ABCDEF")


def test_they_can_be_lost(client: Any, endpoint: Any, receiver: Any, stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.webhooks.hold()
    make_customers(client, "held")
    stripe_simulator.webhooks.drop()
    stripe_simulator.webhooks.deliver()
    stripe_simulator.webhooks.drop()
    make_customers(client, "lost")
    stripe_simulator.webhooks.deliver()
    make_customers(client, "told")
    stripe_simulator.webhooks.deliver()
    assert names(receiver) == ["told"]


def test_chosen_events_can_be_delivered_in_a_chosen_order(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    stripe_simulator.webhooks.hold()
    make_customers(client, "Ada", "Bob", "Cyd")
    ada, _, cyd = (event["id"] for event in stripe_simulator.webhooks.pending)
    stripe_simulator.webhooks.deliver([cyd, ada])
    assert names(receiver) == ["Cyd", "Ada"]
    assert len(stripe_simulator.webhooks.pending) == 1


def test_a_refused_delivery_is_tried_again_three_times(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/webhooks#retries: in a sandbox, "three times over the course of a few hours" """
    receiver.status = 500
    make_customers(client, "Ada")
    for _ in range(6):
        stripe_simulator.clock.advance(timedelta(hours=2))
    assert names(receiver) == ["Ada"] * 4
    assert stripe_simulator.webhooks.pending == []


def test_a_retry_that_is_accepted_is_the_last(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    receiver.status = 500
    make_customers(client, "Ada")
    stripe_simulator.webhooks.deliver()
    assert client.events.list().data[0].pending_webhooks == 1
    receiver.status = 200
    stripe_simulator.webhooks.deliver()
    stripe_simulator.clock.advance(timedelta(days=1))
    assert names(receiver) == ["Ada", "Ada"]
    assert client.events.list().data[0].pending_webhooks == 0


def test_a_receiver_may_ask_stripe_before_it_answers(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    asked = []
    receiver.asks = lambda: asked.append(client.customers.list().data[0].name)
    make_customers(client, "Ada")
    stripe_simulator.webhooks.deliver()
    assert asked == ["Ada"]


def test_what_is_delivered_keeps_the_object_as_it_was(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/api/events/object#event_object-data-object"""
    made = client.customers.create({"name": "Ada"})
    client.customers.update(made.id, {"name": "Countess"})
    stripe_simulator.webhooks.deliver()
    assert names(receiver) == ["Ada", "Countess"]


def test_nobody_answering_is_a_failed_delivery(client: Any, stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.listen("http://127.0.0.1:9/nobody")
    make_customers(client, "Ada")
    (delivery,) = stripe_simulator.webhooks.deliver()
    assert (delivery.statuses, delivery.succeeded) == ([0], False)


@pytest.mark.parametrize(
    "wrong",
    [{"url": "ftp://x"}, {"enabled_events": []}, {"api_version": "2020-08-27"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_endpoint_is_refused(wrong: Any, client: Any) -> None:
    """https://docs.stripe.com/api/webhook_endpoints/create"""
    with pytest.raises(stripe.InvalidRequestError):
        client.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"], **wrong})


def test_a_disabled_endpoint_gets_nothing(
    client: Any, endpoint: Any, receiver: Receiver, stripe_simulator: StripeSimulator
) -> None:
    client.webhook_endpoints.update(endpoint.id, {"disabled": True})
    make_customers(client, "Ada")
    stripe_simulator.webhooks.deliver()
    assert receiver.received == []
