"""The same stories on the simulator and, where `STRIPE_TEST_KEY` is a key of a sandbox, at Stripe itself.

They move a test clock (https://docs.stripe.com/billing/testing/test-clocks), which is deleted afterwards with all that
is on it. At Stripe each takes a minute or two.
"""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from quickscale_billing.testing import StripeSimulator

pytestmark = pytest.mark.once

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PATIENCE = 180
REAL = pytest.param(
    "stripe",
    marks=pytest.mark.skipif(
        not os.environ.get("STRIPE_TEST_KEY"), reason="not asked of Stripe itself: STRIPE_TEST_KEY is not set"
    ),
)


@pytest.fixture
def noon() -> None:
    """Here time is what the test clock says; Stripe does not know that ours stands still."""


@pytest.fixture(params=["simulator", REAL])
def v1(request: pytest.FixtureRequest, stripe_simulator: StripeSimulator) -> Any:
    if request.param == "stripe":
        key, address = os.environ["STRIPE_TEST_KEY"], "https://api.stripe.com"
    else:
        key, address = stripe_simulator.api_key, stripe_simulator.address
    return stripe.StripeClient(key, base_addresses={"api": address}, stripe_version="2026-05-27.dahlia").v1


@pytest.fixture
def clock(v1: Any) -> Iterator[Any]:
    made = v1.test_helpers.test_clocks.create({"frozen_time": int(NOON.timestamp())})
    yield made
    v1.test_helpers.test_clocks.delete(made.id)


@pytest.fixture
def advance_to(v1: Any, clock: Any) -> Callable[[datetime], None]:
    def move(moment: datetime) -> None:
        v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": int(moment.timestamp())})
        patience = time.monotonic() + PATIENCE
        while v1.test_helpers.test_clocks.retrieve(clock.id).status != "ready":
            assert time.monotonic() < patience, f"Stripe has not moved the test clock within {PATIENCE} seconds"

    return move


@pytest.fixture
def begin(v1: Any, clock: Any) -> Callable[..., Any]:
    def make(amount: int, **more: Any) -> Any:
        owner = v1.customers.create({"test_clock": clock.id, "payment_method": "pm_card_visa"}).id
        method = v1.customers.payment_methods.list(owner).data[0].id
        asked = {"customer": owner, "items": [{"price": price(v1, amount)}], "default_payment_method": method}
        return v1.subscriptions.create({**asked, "expand": ["latest_invoice"], **more})

    return make


def price(v1: Any, amount: int, interval: str = "month") -> str:
    product = v1.products.create({"name": f"QuickScale test at {amount}"}).id
    sold = {"currency": "usd", "unit_amount": amount, "recurring": {"interval": interval}}
    return str(v1.prices.create({"product": product, **sold}).id)


def change(v1: Any, subscription: Any, sold: str) -> Any:
    items = [{"id": subscription["items"].data[0].id, "price": sold}]
    waits = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    return v1.subscriptions.update(subscription.id, {"items": items, "expand": ["latest_invoice"], **waits})


def amounts(invoice: Any) -> list[int]:
    return sorted(line.amount for line in invoice.lines.data)


def test_a_renewal_is_drafted_and_an_hour_later_paid(v1: Any, begin: Any, advance_to: Any) -> None:
    begun = begin(2900)
    assert (begun.status, begun.latest_invoice.status, begun.latest_invoice.amount_paid) == ("active", "paid", 2900)
    advance_to(datetime(2026, 2, 15, 12, 5, tzinfo=UTC))
    drafted = v1.invoices.list({"subscription": begun.id}).data[0]
    assert (drafted.status, drafted.billing_reason) == ("draft", "subscription_cycle")
    advance_to(datetime(2026, 2, 15, 14, tzinfo=UTC))
    assert v1.invoices.retrieve(drafted.id).status == "paid"


def test_an_upgrade_has_two_prorations(v1: Any, begin: Any, advance_to: Any) -> None:
    begun = begin(1000)
    advance_to(NOON + timedelta(days=15, hours=12))
    changed = change(v1, begun, price(v1, 4000))
    assert amounts(changed.latest_invoice) == [-500, 2000]
    assert all(line.parent.subscription_item_details.proration for line in changed.latest_invoice.lines.data)


def test_another_interval_resets_the_anchor(v1: Any, begin: Any, advance_to: Any) -> None:
    begun = begin(1000)
    advance_to(NOON + timedelta(days=15, hours=12))
    changed = change(v1, begun, price(v1, 10000, "year"))
    assert amounts(changed.latest_invoice) == [-500, 10000]
    assert changed.billing_cycle_anchor == int((NOON + timedelta(days=15, hours=12)).timestamp())


def test_a_trial_begins_with_nothing_and_ends_with_an_invoice(v1: Any, begin: Any, advance_to: Any) -> None:
    begun = begin(2900, trial_period_days=7)
    assert (begun.status, begun.latest_invoice.total, begun.latest_invoice.status) == ("trialing", 0, "paid")
    advance_to(NOON + 7 * DAY + 2 * HOUR)
    assert v1.subscriptions.retrieve(begun.id).status == "active"
    assert v1.invoices.list({"subscription": begun.id}).data[0].amount_paid == 2900


def test_a_schedule_lowers_the_plan_with_the_next_period(v1: Any, begin: Any, advance_to: Any) -> None:
    begun, low = begin(4000), price(v1, 1000)
    schedule = v1.subscription_schedules.create({"from_subscription": begun.id})
    phase = schedule.phases[0]
    items = [{"price": phase["items"][0].price, "quantity": 1}]
    current = {"items": items, "start_date": phase.start_date, "end_date": phase.end_date}
    phases = [current, {"items": [{"price": low, "quantity": 1}], "duration": {"interval": "month"}}]
    v1.subscription_schedules.update(schedule.id, {"end_behavior": "release", "phases": phases})
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        v1.subscriptions.update(begun.id, {"cancel_at_period_end": True})
    advance_to(datetime(2026, 2, 15, 14, tzinfo=UTC))
    assert amounts(v1.invoices.list({"subscription": begun.id}).data[0]) == [1000]
