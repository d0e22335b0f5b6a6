"""A client of stripe-python on the simulator, whose traffic is held against Stripe's description."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from quickscale_billing.testing import StripeSimulator


@pytest.fixture
def client(stripe_simulator: StripeSimulator) -> Any:
    """`client.customers.create({…})`: the `v1` of a StripeClient."""
    simulator = stripe_simulator
    return stripe.StripeClient(
        simulator.api_key, base_addresses={"api": simulator.address}, stripe_version="2026-05-27.dahlia"
    ).v1


@pytest.fixture
def price(client: Any) -> Callable[..., Any]:
    """`price(4900)` sells once, `price(2900, "month")` every month."""

    def make(amount: int, interval: str | None = None, **more: Any) -> Any:
        product = client.products.create({"name": f"Product at {amount}"})
        recurring = {"recurring": {"interval": interval}} if interval else {}
        return client.prices.create(
            {"product": product.id, "currency": "usd", "unit_amount": amount, **recurring, **more}
        )

    return make


@pytest.fixture
def events(client: Any) -> Callable[[], list[str]]:
    """The types of all events so far, oldest first."""
    return lambda: [event.type for event in client.events.list({"limit": 100}).auto_paging_iter()][::-1]
