"""A client of stripe-python on the simulator, whose traffic is held against Stripe's description."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from quickscale_billing.testing import StripeSimulator


@pytest.fixture(autouse=True)
def noon(clock: Any) -> None:
    """The simulator starts at noon on 15 January 2026."""


@pytest.fixture
def client(stripe_simulator: StripeSimulator) -> Any:
    """`client.customers.create({…})`: the `v1` of a StripeClient."""
    address = {"api": stripe_simulator.address}
    return stripe.StripeClient(stripe_simulator.api_key, base_addresses=address, stripe_version="2026-05-27.dahlia").v1


@pytest.fixture
def price(client: Any) -> Callable[..., Any]:
    """`price(4900)` sells once, `price(2900, "month")` every month."""

    def make(amount: int, interval: str | None = None, **more: Any) -> Any:
        product = client.products.create({"name": f"Product at {amount}"})
        recurring = {"recurring": {"interval": interval}} if interval else {}
        return client.prices.create(
            {"currency": "usd", "product": product.id, "unit_amount": amount, **recurring, **more}
        )

    return make


@pytest.fixture
def customer(client: Any) -> Callable[..., Any]:
    """`customer()` has a card that works; `customer("pm_card_chargeCustomerFail")` one that is declined later."""

    def make(card: str = "pm_card_visa", **more: Any) -> Any:
        made = client.customers.create({"email": "ada@example.com", "payment_method": card, **more})
        method = client.payment_methods.list({"customer": made.id}).data[0].id
        return client.customers.update(made.id, {"invoice_settings": {"default_payment_method": method}})

    return make


@pytest.fixture
def subscribe(client: Any, customer: Callable[..., Any]) -> Callable[..., Any]:
    """`subscribe(price)` for a new customer, or for `customer=`; further keywords go to Stripe."""

    def make(sold: Any, **more: Any) -> Any:
        owner = more.pop("customer", None) or customer().id
        return client.subscriptions.create({"customer": owner, "items": [{"price": sold.id}], **more})

    return make


@pytest.fixture
def change(client: Any) -> Callable[..., Any]:
    """`change(subscription, price)` as an upgrade does; further keywords go to Stripe."""

    def make(subscription: Any, sold: Any, **more: Any) -> Any:
        item = subscription["items"].data[0].id
        asked = {
            "items": [{"id": item, "price": sold.id}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
            "expand": ["latest_invoice"],
        }
        return client.subscriptions.update(subscription.id, {**asked, **more})

    return make


@pytest.fixture
def events(client: Any) -> Callable[..., list[str]]:
    """The types of all events so far, oldest first; `events("invoice.")` those that begin so."""

    def read(prefix: str = "") -> list[str]:
        found = [event.type for event in client.events.list({"limit": 100}).auto_paging_iter()][::-1]
        return [kind for kind in found if kind.startswith(prefix)]

    return read
