"""Subscription schedules. https://docs.stripe.com/api/subscription_schedules"""

from __future__ import annotations

from quickscale_billing.testing import changing, scheduling
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.listing import DATED, Page, newest_first
from quickscale_billing.testing.parameters import (
    Params,
    Required,
    either,
    integer,
    many,
    merge_metadata,
    metadata,
    nested,
    one_of,
    positive,
    text,
)
from quickscale_billing.testing.periods import nth
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.subscribing import BILLED

PRORATION = one_of("always_invoice", "create_prorations", "none")

phase = nested(
    items=Required(many(nested(price=Required(text), quantity=positive))),
    duration=nested(interval=Required(one_of("day", "week", "month", "year")), interval_count=positive),
    end_date=either("now", integer),
    metadata=metadata,
    proration_behavior=PRORATION,
    start_date=either("now", integer),
    trial_end=integer,
)


@accepts(from_subscription=Required(text))
def create(sandbox: Sandbox, params: Params) -> Object:
    """The simulator schedules subscriptions that exist, as one does to change them later."""
    name = params["from_subscription"]
    subscription = sandbox.get("subscription", name, param="from_subscription")
    if subscription["schedule"]:
        message = "You cannot migrate a subscription that is already attached to a schedule:"
        raise invalid(f"{message} {subscription['schedule']}", param="from_subscription")
    if subscription["status"] not in BILLED:
        message = f"You cannot migrate a subscription that is {subscription['status']}."
        raise invalid(message, param="from_subscription")
    return scheduling.make(sandbox, subscription)


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("subscription_schedule", identifier)


@accepts(
    end_behavior=one_of("cancel", "release"),
    metadata=metadata,
    phases=many(phase),
    proration_behavior=PRORATION,
)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    schedule = running(sandbox, identifier, verb="update")
    with sandbox.changing(schedule, "subscription_schedule.updated"):
        schedule["end_behavior"] = params.get("end_behavior", schedule["end_behavior"])
        if "metadata" in params:
            schedule["metadata"] = merge_metadata(schedule["metadata"], params["metadata"])
        if "phases" in params:
            replace_phases(sandbox, schedule, params)
    return schedule


def running(sandbox: Sandbox, identifier: str, *, verb: str) -> Object:
    schedule = sandbox.get("subscription_schedule", identifier)
    if schedule["status"] != "active":
        raise invalid(
            f"You cannot {verb} a subscription schedule that is currently in the `{schedule['status']}` status. "
            "It must be in `active` status."
        )
    return schedule


def replace_phases(sandbox: Sandbox, schedule: Object, params: Params) -> None:
    """The first phase given must be the current one: it cannot begin at another time."""
    current, given = schedule["current_phase"], params["phases"]
    if not given or given[0].get("start_date") != current["start_date"]:
        message = "You can not modify the start date of the current phase."
        raise invalid(message, param="phases[0][start_date]")
    phases, start = [], current["start_date"]
    for index, each in enumerate(given):
        phases.append(phase_from(sandbox, schedule, each, start, index))
        start = phases[-1]["end_date"]
    schedule["phases"] = phases
    schedule["current_phase"] = {"start_date": current["start_date"], "end_date": phases[0]["end_date"]}
    now = phases[0] | ({"proration_behavior": params["proration_behavior"]} if "proration_behavior" in params else {})
    scheduling.enter(sandbox, sandbox.by_id[schedule["subscription"]], now)


def phase_from(sandbox: Sandbox, schedule: Object, given: Params, start: int, index: int) -> Object:
    name = f"phases[{index}]"
    if given.get("start_date") not in {None, start}:
        message = "A phase begins when the one before it ends."
        raise invalid(message, param=f"{name}[start_date]")
    prices = [changing.recurring_price(sandbox, each["price"], param=f"{name}[items]") for each in given["items"]]
    end = end_of(sandbox, given, start, prices[0])
    if end <= start:
        raise invalid("A phase must end after it begins.", param=f"{name}[end_date]")
    items = [
        scheduling.phase_item(price["id"], each.get("quantity", 1))
        for price, each in zip(prices, given["items"], strict=True)
    ]
    made = scheduling.phase(schedule["phases"][0]["currency"], items, start, end)
    kept = {key: given[key] for key in ("proration_behavior", "trial_end", "metadata") if key in given}
    return made | kept


def end_of(sandbox: Sandbox, given: Params, start: int, price: Object) -> int:
    """Without an end, one interval of the first price; our reading."""
    if given.get("end_date") == "now":
        return sandbox.now
    if "end_date" in given:
        return int(given["end_date"])
    duration: Object = given["duration"] if "duration" in given else price["recurring"]
    return nth(start, {"interval_count": 1, **duration}, 1)


@accepts()
def release(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return scheduling.release(sandbox, running(sandbox, identifier, verb="release"))


@accepts()
def cancel(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return scheduling.cancel(sandbox, running(sandbox, identifier, verb="cancel"))


@accepts(DATED, customer=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    url = "/v1/subscription_schedules"
    return newest_first(sandbox, "subscription_schedule", params, url=url, filters=("customer",))
