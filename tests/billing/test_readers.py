"""Reading Stripe's objects: on Stripe's own sample objects where they are at hand, and on the shapes that matter."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quickscale_billing.stripe.readers import read_invoice, read_session, read_subscription

pytestmark = pytest.mark.once

LINE = {
    "id": "il_1",
    "amount": 900,
    "discount_amounts": [],
    "parent": {
        "type": "subscription_item_details",
        "subscription_item_details": {"subscription": "sub_1", "proration": False, "subscription_item": "si_1"},
        "invoice_item_details": None,
    },
    "period": {"start": 1_000, "end": 2_000},
    "pricing": {"type": "price_details", "price_details": {"price": "price_1", "product": "prod_1"}},
}
INVOICE = {
    "id": "in_1",
    "livemode": False,
    "status": "paid",
    "currency": "usd",
    "created": 1_000,
    "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}},
}


@pytest.fixture(scope="module")
def samples() -> dict[str, Any]:
    path = os.environ.get("STRIPE_FIXTURES")
    if not path:
        pytest.skip("STRIPE_FIXTURES does not name a copy of fixtures3.json of github.com/stripe/openapi")
    return json.loads(Path(path).read_text())["resources"]


def line(**changes: Any) -> Any:
    [read] = read_invoice(INVOICE, [LINE | changes]).lines
    return read


def test_stripes_sample_subscription_can_be_read(samples: dict[str, Any]) -> None:
    sample = samples["subscription"]
    state = read_subscription(sample)
    item = sample["items"]["data"][0]
    assert (state.id, state.status, state.price_id) == (sample["id"], sample["status"], item["price"]["id"])
    assert state.period_end == datetime.fromtimestamp(item["current_period_end"], UTC)


def test_stripes_sample_invoice_can_be_read(samples: dict[str, Any]) -> None:
    state = read_invoice(samples["invoice"], [samples["line_item"]])
    assert (state.id, len(state.lines)) == (samples["invoice"]["id"], 1)
    assert not state.lines[0].is_item
    assert state.lines[0].is_proration


def test_stripes_sample_session_can_be_read(samples: dict[str, Any]) -> None:
    state = read_session(samples["checkout.session"], [samples["item"]])
    assert state.id == samples["checkout.session"]["id"]
    assert state.lines[0].total == samples["item"]["amount_total"]


def test_a_line_of_a_subscription_names_its_price_and_period() -> None:
    read = line()
    assert (read.price_id, read.subscription_id, read.is_item, read.is_proration) == ("price_1", "sub_1", True, False)
    assert read.starts_at == datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)


def test_a_proration_may_stand_under_an_invoice_item() -> None:
    details = {"subscription": "sub_1", "proration": True, "invoice_item": "ii_1"}
    read = line(parent={"type": "invoice_item_details", "invoice_item_details": details})
    assert (read.subscription_id, read.is_item, read.is_proration) == ("sub_1", False, True)


def test_net_is_after_discounts() -> None:
    assert line(discount_amounts=[{"amount": 300, "discount": "di_1"}, {"amount": 100, "discount": "di_2"}]).net == 500


@pytest.mark.parametrize("price", ["price_1", {"id": "price_1", "object": "price"}])
def test_an_expanded_member_reads_like_its_id(price: Any) -> None:
    assert line(pricing={"type": "price_details", "price_details": {"price": price}}).price_id == "price_1"


@pytest.mark.parametrize("parent", [None, {"type": "quote_details", "quote_details": {"quote": "qt_1"}}])
def test_an_invoice_without_a_subscription_has_none(parent: Any) -> None:
    assert read_invoice(INVOICE | {"parent": parent}, []).subscription_id is None


def test_a_line_that_somebody_wrote_by_hand_pays_for_nothing() -> None:
    read = line(parent=None, pricing=None)
    assert (read.price_id, read.subscription_id, read.is_item) == (None, None, False)
