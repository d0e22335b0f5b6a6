"""The panel steers the simulator from a browser, and from another process."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from quickscale_billing.testing import StripeSimulator
from quickscale_billing.testing.running import Keeper

pytestmark = pytest.mark.once

JSON = {"Accept": "application/json"}


@pytest.fixture
def post(stripe_simulator: StripeSimulator) -> Callable[..., requests.Response]:
    def send(headers: Any = JSON, **values: str) -> requests.Response:
        return requests.post(f"{stripe_simulator.address}/_simulator", data=values, headers=headers, timeout=5)

    return send


def test_time_moves_by_seconds_and_by_months(post: Any, stripe_simulator: StripeSimulator) -> None:
    assert post(do="advance", seconds="3600").json()["now"] == "2026-01-15T13:00:00+00:00"
    assert post(do="advance", months="1").json()["now"] == "2026-02-15T13:00:00+00:00"


def test_a_button_brings_the_browser_back_to_the_panel(post: Any) -> None:
    shown = post(headers={}, do="advance", seconds="3600")
    assert "15 January 2026, 13:00:00" in shown.text
    assert shown.headers["Content-Security-Policy"] == "default-src 'self'"


def test_the_panel_lists_what_there_is(client: Any, price: Any, subscribe: Any, stripe_simulator: Any) -> None:
    begun = subscribe(price(2900, "month"))
    dispute = stripe_simulator.dispute(client.charges.list().data[0])
    shown = requests.get(stripe_simulator.address, timeout=5).text
    assert begun.id in shown
    assert dispute["id"] in shown
    assert "29.00 USD" in shown
    assert "<script" not in shown


def test_disputes_are_opened_and_closed(post: Any, client: Any, price: Any, subscribe: Any) -> None:
    subscribe(price(2900, "month"))
    post(do="dispute", id=client.charges.list().data[0].id)
    opened = client.disputes.list().data[0]
    post(do="close_dispute", id=opened.id, status="lost")
    assert client.disputes.retrieve(opened.id).status == "lost"


def test_the_next_payment_is_declined(post: Any, client: Any, price: Any, customer: Any, subscribe: Any) -> None:
    owner = customer().id
    post(do="decline_next", customer=owner, code="insufficient_funds")
    assert subscribe(price(2900, "month"), customer=owner).status == "incomplete"


def test_webhooks_are_held_and_delivered(post: Any, client: Any, stripe_simulator: StripeSimulator) -> None:
    stripe_simulator.webhooks.send = lambda *_: 200
    stripe_simulator.listen("http://127.0.0.1:9/hooks")
    assert post(do="hold").json()["held"]
    client.customers.create({"name": "Ada"})
    assert post(do="duplicate").json()["pending_webhooks"] == 2
    assert post(do="deliver").json() == {"now": "2026-01-15T12:00:00+00:00", "pending_webhooks": 0, "held": False}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"do": "explode"}, "do must be one of advance,"),
        ({"do": "advance"}, "advance needs seconds"),
        ({"do": "advance", "seconds": "-1"}, "only goes forward"),
        ({"do": "advance", "seconds": "soon"}, "invalid literal"),
        ({"do": "dispute", "id": "ch_none"}, "no object 'ch_none'"),
        ({"do": "pay", "id": "cs_none"}, "No such session"),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
def test_what_cannot_be_done_is_said(values: dict[str, str], said: str, post: Any) -> None:
    answer = post(**values)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_another_site_cannot_press_the_buttons(post: Any, stripe_simulator: StripeSimulator) -> None:
    before = stripe_simulator.clock.now
    assert post(headers={"Origin": "https://evil.example"}, do="advance", seconds="3600").status_code == 403
    assert post(headers={"Host": "evil.example"}, do="advance", seconds="3600").status_code == 403
    assert stripe_simulator.clock.now == before


def test_the_portal_cancels_and_resumes(client: Any, price: Any, subscribe: Any) -> None:
    """https://docs.stripe.com/customer-management"""
    begun = subscribe(price(2900, "month"))
    portal = client.billing_portal.sessions.create({"customer": begun.customer, "return_url": "http://testserver/"})
    for step, wanted in (("cancel", True), ("resume", False)):
        requests.post(portal.url, data={"step": step, "subscription": begun.id}, timeout=5)
        assert client.subscriptions.retrieve(begun.id).cancel_at_period_end is wanted


def test_the_portal_knows_its_own_customer_alone(client: Any, price: Any, subscribe: Any, customer: Any) -> None:
    begun = subscribe(price(2900, "month"))
    portal = client.billing_portal.sessions.create({"customer": customer().id})
    requests.post(portal.url, data={"step": "cancel", "subscription": begun.id}, timeout=5)
    assert client.subscriptions.retrieve(begun.id).cancel_at_period_end is False


@pytest.fixture
def kept(stripe_simulator: StripeSimulator) -> Iterator[None]:
    """It runs by itself, as the command lets it."""
    keeper = Keeper(stripe_simulator, ticking=False)
    keeper.start()
    yield
    keeper.stop()


def test_by_itself_it_delivers_as_things_happen(kept: None, client: Any, stripe_simulator: Any) -> None:
    stripe_simulator.listen("http://127.0.0.1:9/hooks")
    delivered = threading.Event()
    stripe_simulator.webhooks.send = lambda *_: delivered.set() or 200
    client.customers.create({"name": "Ada"})
    assert delivered.wait(timeout=5)


def test_by_itself_its_clock_goes_on_from_where_it_was_advanced_to(
    clock: Any, stripe_simulator: StripeSimulator
) -> None:
    keeper = Keeper(stripe_simulator, ticking=True)
    start = stripe_simulator.clock.now
    stripe_simulator.clock.advance(timedelta(days=31))
    clock.shift(timedelta(seconds=90))
    keeper.tick()
    assert stripe_simulator.clock.now == start + timedelta(days=31, seconds=90)


def test_the_command_says_where_it_is_and_stops_when_asked() -> None:
    command = [sys.executable, "-m", "django", "stripe_simulator", "--port", "0", "--webhook", "http://127.0.0.1:9/"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        told = [running.stdout.readline() for _ in range(9)]
        address = told[0].split(" at ")[1].split(",")[0]
        assert requests.get(f"{address}/_simulator", headers=JSON, timeout=5).json()["held"] is False
        running.terminate()
        assert running.wait(timeout=10) == 0
    assert f"    STRIPE_API_HOST = '{address}'\n" in told
    assert "signed with whsec_" in "".join(told)
