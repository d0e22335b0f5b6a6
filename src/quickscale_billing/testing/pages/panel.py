"""The development panel: what there is, what time it is, and buttons that make things happen.

For programs: `GET /_simulator`, and `POST /_simulator` with `do=…`, answer JSON to those who accept it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING

from quickscale_billing.testing.cards import VISA
from quickscale_billing.testing.disputing import OPEN
from quickscale_billing.testing.errors import StripeError
from quickscale_billing.testing.money import money
from quickscale_billing.testing.pages.markup import (
    Reply,
    button,
    entry,
    error,
    form,
    hidden,
    link,
    page,
    paragraph,
    redirect,
    table,
)
from quickscale_billing.testing.periods import plus_months
from quickscale_billing.testing.store import Object

if TYPE_CHECKING:
    from quickscale_billing.testing.simulator import StripeSimulator

ADDRESS = "/_simulator"
Values = dict[str, str]
Action = Callable[["StripeSimulator", Values], object]
SHOWN_EVENTS = 15


def advance(simulator: StripeSimulator, values: Values) -> None:
    """By `seconds`, or by `months` of the calendar."""
    if "months" in values:
        simulator.clock.advance_to(plus_months(simulator.clock.now, int(values["months"])))
    else:
        simulator.clock.advance(timedelta(seconds=int(values["seconds"])))


ACTIONS: dict[str, Action] = {
    "advance": advance,
    "authenticate": lambda simulator, values: simulator.authenticate(values["id"], passed=values.get("passed") != "no"),
    "close_dispute": lambda simulator, values: simulator.close_dispute(values["id"], values.get("status", "won")),
    "decline_next": lambda simulator, values: simulator.decline_next(
        values.get("customer") or None, values.get("code", "generic_decline")
    ),
    "deliver": lambda simulator, values: simulator.webhooks.deliver(),
    "dispute": lambda simulator, values: simulator.dispute(values["id"], inquiry=values.get("inquiry") == "yes"),
    "drop": lambda simulator, values: simulator.webhooks.drop(),
    "duplicate": lambda simulator, values: simulator.webhooks.duplicate(),
    "escalate": lambda simulator, values: simulator.escalate(values["id"]),
    "hold": lambda simulator, values: simulator.webhooks.hold(),
    "pay": lambda simulator, values: simulator.pay(values["id"], values.get("card", VISA)),
    "shuffle": lambda simulator, values: simulator.webhooks.shuffle(values.get("seed", "")),
}


def reply(simulator: StripeSimulator, method: str, values: Values, *, as_json: bool) -> Reply:
    problem = act(simulator, values) if method == "POST" else None
    if as_json:
        return tell(simulator, problem)
    if method == "POST" and problem is None:
        return redirect(ADDRESS)
    return show(simulator, problem)


def act(simulator: StripeSimulator, values: Values) -> str | None:
    """What went wrong, in words; None if nothing did."""
    action = ACTIONS.get(values.get("do", ""))
    if action is None:
        return f"do must be one of {', '.join(sorted(ACTIONS))}"
    try:
        action(simulator, values)
    except KeyError as missing:
        return f"{values['do']} needs {missing.args[0]}"
    except (LookupError, StripeError, ValueError) as refused:
        return str(refused)
    return None


def tell(simulator: StripeSimulator, problem: str | None) -> Reply:
    state = {
        "now": simulator.clock.now.isoformat(),
        "pending_webhooks": len(simulator.webhooks.pending),
        "held": simulator.webhooks.is_held,
    }
    status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
    body = json.dumps({"error": problem} if problem else state)
    return Reply(status, body, {"Content-Type": "application/json"})


def show(simulator: StripeSimulator, problem: str | None) -> Reply:
    with simulator.sandbox.lock:
        parts = [
            error(problem),
            clock(simulator),
            webhooks(simulator),
            payments(simulator),
            subscriptions(simulator),
            sessions(simulator),
            charges(simulator),
            disputes(simulator),
            events(simulator),
        ]
    return page("Stripe's simulator", *parts)


def clock(simulator: StripeSimulator) -> str:
    steps = [("An hour", "seconds", "3600"), ("A day", "seconds", "86400"), ("A month", "months", "1")]
    buttons = "".join(do("advance", words, {name: value}) for words, name, value in steps)
    return f"<h2>Clock</h2>{paragraph(f'{simulator.clock.now:%A, %d %B %Y, %H:%M:%S} UTC')}{buttons}"


def do(action: str, words: str, values: Values | None = None) -> str:
    fields = "".join(hidden(name, value) for name, value in {"do": action, **(values or {})}.items())
    return form(ADDRESS, fields, button(words), inline=True)


def webhooks(simulator: StripeSimulator) -> str:
    waiting = len(simulator.webhooks.pending)
    held = ", held" if simulator.webhooks.is_held else ""
    verbs = [
        ("deliver", "Deliver"),
        ("hold", "Hold"),
        ("duplicate", "Duplicate"),
        ("shuffle", "Shuffle"),
        ("drop", "Drop"),
    ]
    return f"<h2>Webhooks</h2>{paragraph(f'{waiting} waiting{held}')}{''.join(do(*verb) for verb in verbs)}"


def payments(simulator: StripeSimulator) -> str:
    field = entry("customer", "Customer (empty for anybody)", required=False)
    decline = form(ADDRESS, hidden("do", "decline_next"), field, button("Decline the next payment"))
    return f"<h2>Payments</h2>{decline}"


def subscriptions(simulator: StripeSimulator) -> str:
    rows = [
        [escape(each["id"]), escape(each["customer"]), escape(each["status"])]
        for each in newest(simulator, "subscription")
    ]
    return section("Subscriptions", ["Subscription", "Customer", "Status"], rows)


def newest(simulator: StripeSimulator, noun: str) -> list[Object]:
    return simulator.sandbox.all(noun)[: -SHOWN_EVENTS - 1 : -1]


def section(title: str, heads: list[str], rows: list[list[str]]) -> str:
    return f"<h2>{escape(title)}</h2>{table(heads, rows) if rows else paragraph('None yet.', 'note')}"


def sessions(simulator: StripeSimulator) -> str:
    rows = [
        [link(each["url"], each["id"][:20]) if each["url"] else escape(each["id"][:20]), each["mode"], each["status"]]
        for each in newest(simulator, "checkout.session")
    ]
    return section("Checkout sessions", ["Session", "Mode", "Status"], rows)


def charges(simulator: StripeSimulator) -> str:
    rows = []
    for each in newest(simulator, "charge"):
        can_dispute = each["status"] == "succeeded" and not each["disputed"]
        action = do("dispute", "Dispute", {"id": each["id"]}) if can_dispute else ""
        rows.append([escape(each["id"]), money(each["amount"], each["currency"]), each["status"], action])
    return section("Charges", ["Charge", "Amount", "Status", ""], rows)


def disputes(simulator: StripeSimulator) -> str:
    rows = []
    for each in newest(simulator, "dispute"):
        outcomes = [("Won", "won"), ("Lost", "lost")] if each["status"] in OPEN else []
        verbs = [do("close_dispute", words, {"id": each["id"], "status": status}) for words, status in outcomes]
        rows.append([escape(each["id"]), money(each["amount"], each["currency"]), each["status"], "".join(verbs)])
    return section("Disputes", ["Dispute", "Amount", "Status", ""], rows)


def events(simulator: StripeSimulator) -> str:
    rows = [[escape(each["type"]), escape(each["id"])] for each in newest(simulator, "event")]
    return section("Events", ["Type", "Event"], rows)
