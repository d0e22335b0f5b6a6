"""Whatever is asked, in whatever order: never a 500, the shape is Stripe's, and the sums are right."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quickscale_billing.testing import StripeSimulator
from quickscale_billing.testing.routes import ROUTES
from tests.billing.stripe_description import Recorder

pytestmark = pytest.mark.once

NAMES = [
    "amount",
    "billing_cycle_anchor",
    "cancel_at_period_end",
    "card",
    "charge",
    "created",
    "currency",
    "customer",
    "discounts",
    "email",
    "enabled_events",
    "expand",
    "from_subscription",
    "frozen_time",
    "invoice",
    "items",
    "limit",
    "line_items",
    "metadata",
    "mode",
    "payment_intent",
    "payment_method",
    "phases",
    "price",
    "product",
    "proration_behavior",
    "quantity",
    "starting_after",
    "subscription",
    "subscription_details",
    "success_url",
    "trial_end",
    "unit_amount",
    "url",
]
keys = st.sampled_from([*NAMES, "0", "1", "", "type", "id", "name", "coupon", "data.customer"])
scalars = st.one_of(
    st.sampled_from(["", "true", "now", "usd", "payment", "0", "-1", "1768478400", "9" * 30, "always_invoice", "ID"]),
    st.text(string.printable + "é🙂\0", max_size=12),
)
trees = st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=6)


class Account:
    """A simulator that is asked without HTTP, with somebody who has bought everything."""

    def __init__(self) -> None:
        self.simulator = StripeSimulator(seed="random", start=datetime(2026, 1, 31, 12, tzinfo=UTC))
        self.simulator.webhooks.send = lambda *_: 200
        self.recorder = Recorder()
        self.simulator.api.recorders.append(self.recorder)
        self.simulator.sandbox.listeners.append(self.recorder.event)

    def ask(self, method: str, path: str, **params: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.simulator.api_key}"}
        answer = self.simulator.api.answer(method, f"/v1/{path}", urlencode(list(flat(params))), headers)
        assert answer.status < 500, answer.body
        return answer.body

    def post(self, path: str, **params: Any) -> Any:
        return self.ask("POST", path, **params)

    def price(self, amount: int, interval: str) -> str:
        product = self.post("products", name=f"At {amount}")["id"]
        sold = {"currency": "usd", "unit_amount": amount, "recurring": {"interval": interval}}
        return str(self.post("prices", product=product, **sold)["id"])

    def customer(self) -> str:
        made = self.post("customers", payment_method="pm_card_visa")["id"]
        method = self.ask("GET", "payment_methods", customer=made)["data"][0]["id"]
        self.post(f"customers/{made}", invoice_settings={"default_payment_method": method})
        return str(made)


def flat(params: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if not isinstance(params, dict | list):
        yield name, str(params).lower() if isinstance(params, bool) else str(params)
        return
    for key, value in params.items() if isinstance(params, dict) else enumerate(params):
        yield from flat(value, f"{name}[{key}]" if name else str(key))


def bought() -> Account:
    account = Account()
    begun = account.post("subscriptions", customer=account.customer(), items=[{"price": account.price(1000, "month")}])
    account.post("subscription_schedules", from_subscription=begun["id"])
    account.simulator.dispute(account.ask("GET", "charges")["data"][0])
    account.post("coupons", percent_off=10, duration="once")
    return account


@settings(max_examples=250, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(ROUTES), st.data(), st.integers(0, 1_000_000))
def test_no_request_breaks_it(route: Any, data: st.DataObject, number: int) -> None:
    params = data.draw(st.dictionaries(st.sampled_from([*route.fields, "expand", "limit"]), trees, max_size=6))
    ids = list(SHARED.simulator.sandbox.by_id)
    chosen = ids[number % len(ids)]
    path = "/".join(chosen if part.startswith("{") else part for part in route.path.split("/"))
    encoded = urlencode([(name, chosen if value == "ID" else value) for name, value in flat(params)])
    headers = {"Authorization": f"Bearer {SHARED.simulator.api_key}"}
    answer = SHARED.simulator.api.answer(route.method, path, encoded, headers)
    assert answer.status < 500, answer.body
    assert not [problem for problem in SHARED.recorder.problems if "is no" not in problem]


SHARED = bought()

changes = st.one_of(
    st.tuples(st.just("plan"), st.integers(0, 3), st.sampled_from(["always_invoice", "create_prorations", "none"])),
    st.tuples(st.just("quantity"), st.integers(1, 3)),
    st.tuples(st.just("advance"), st.sampled_from([0.5, 1, 24, 24 * 15, 24 * 31, 24 * 400])),
    st.tuples(st.just("decline"), st.integers(1, 4)),
    st.tuples(st.just("pay")),
    st.tuples(st.just("lower"), st.integers(0, 3)),
    st.tuples(st.just("release")),
    st.tuples(st.just("ending"), st.booleans()),
)


class Life:
    def __init__(self, *, trial: int) -> None:
        self.account = Account()
        prices = [(1000, "month"), (4000, "month"), (37, "day"), (39999, "year")]
        self.prices = [self.account.price(*each) for each in prices]
        self.customer = self.account.customer()
        begun = {"customer": self.customer, "items": [{"price": self.prices[0]}]}
        trial_days = {"trial_period_days": trial} if trial else {}
        self.subscription = self.account.post("subscriptions", **begun, **trial_days)["id"]

    def path(self) -> str:
        return f"subscriptions/{self.subscription}"

    def item(self) -> str:
        return str(self.account.ask("GET", self.path())["items"]["data"][0]["id"])

    def plan(self, index: int, behavior: str) -> None:
        waits = {"payment_behavior": "pending_if_incomplete"} if behavior == "always_invoice" else {}
        items = [{"id": self.item(), "price": self.prices[index]}]
        self.account.post(self.path(), items=items, proration_behavior=behavior, **waits)

    def quantity(self, count: int) -> None:
        self.account.post(self.path(), items=[{"id": self.item(), "quantity": count}])

    def advance(self, hours: float) -> None:
        self.account.simulator.clock.advance(timedelta(hours=hours))

    def decline(self, count: int) -> None:
        for _ in range(count):
            self.account.simulator.decline_next(self.customer)

    def pay(self) -> None:
        for invoice in self.account.ask("GET", "invoices", status="open")["data"]:
            self.account.post(f"invoices/{invoice['id']}/pay")

    def lower(self, index: int) -> None:
        schedule = self.account.post("subscription_schedules", from_subscription=self.subscription)
        if "error" not in schedule:
            phase = schedule["phases"][0]
            now = {"items": [{"price": phase["items"][0]["price"]}], "end_date": phase["end_date"]}
            phases = [{**now, "start_date": phase["start_date"]}, {"items": [{"price": self.prices[index]}]}]
            self.account.post(f"subscription_schedules/{schedule['id']}", phases=phases, end_behavior="release")

    def release(self) -> None:
        for schedule in self.account.ask("GET", "subscription_schedules")["data"]:
            self.account.post(f"subscription_schedules/{schedule['id']}/release")

    def ending(self, wanted: bool) -> None:
        self.account.post(self.path(), cancel_at_period_end=wanted)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([0, 7]), st.lists(changes, max_size=12))
def test_the_sums_of_any_life_are_right(trial: int, steps: list[Any]) -> None:
    life = Life(trial=trial)
    for verb, *arguments in steps:
        getattr(life, verb)(*arguments)
    sandbox = life.account.simulator.sandbox
    for invoice in sandbox.all("invoice"):
        assert_adds_up(sandbox, invoice)
    booked = sandbox.all("customer_balance_transaction")
    assert sandbox.get("customer", life.customer)["balance"] == sum(each["amount"] for each in booked)
    assert life.account.recorder.problems == []


def assert_adds_up(sandbox: Any, invoice: Any) -> None:
    lines = sandbox.all("line_item", invoice=invoice["id"])
    assert invoice["subtotal"] == sum(line["amount"] for line in lines)
    if invoice["status"] in {"paid", "open"}:
        assert invoice["amount_due"] - invoice["amount_paid"] == invoice["amount_remaining"]
        assert invoice["total"] + invoice["starting_balance"] == invoice["amount_due"] + invoice["ending_balance"]
    paid = [each["amount_paid"] for each in sandbox.all("invoice_payment", invoice=invoice["id"], status="paid")]
    assert sum(paid) == invoice["amount_paid"]
