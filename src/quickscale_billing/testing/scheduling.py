"""Subscription schedules: what a subscription will be, phase by phase.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from __future__ import annotations

from functools import partial

from quickscale_billing.testing import changing, invoicing, lifecycle, waiting_items
from quickscale_billing.testing.changing import Change
from quickscale_billing.testing.parameters import Params
from quickscale_billing.testing.sandbox import Due, Sandbox
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.subscribing import invoice_lines, items_of, period_of


def make(sandbox: Sandbox, subscription: Object) -> Object:
    """Over a subscription that lives: one phase, which is its current period."""
    start, end = period_of(sandbox, subscription)
    schedule = sandbox.create(
        "subscription_schedule",
        "sub_sched",
        application=None,
        billing_mode=subscription["billing_mode"],
        canceled_at=None,
        completed_at=None,
        current_phase={"start_date": start, "end_date": end},
        customer=subscription["customer"],
        customer_account=None,
        default_settings=default_settings(subscription),
        end_behavior="release",
        metadata={},
        phases=[phase_of(sandbox, subscription, start, end)],
        released_at=None,
        released_subscription=None,
        status="active",
        subscription=subscription["id"],
        test_clock=subscription["test_clock"],
    )
    with sandbox.changing(subscription, changing.UPDATED):
        subscription["schedule"] = schedule["id"]
    sandbox.emit("subscription_schedule.created", schedule)
    return schedule


def default_settings(subscription: Object) -> Object:
    return {
        "application_fee_percent": None,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": subscription["automatic_tax"]["enabled"],
            "liability": None,
        },
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": "charge_automatically",
        "default_payment_method": None,
        "description": None,
        "invoice_settings": {"account_tax_ids": None, "days_until_due": None, "issuer": {"type": "self"}},
        "on_behalf_of": None,
        "transfer_data": None,
    }


def phase_of(sandbox: Sandbox, subscription: Object, start: int, end: int) -> Object:
    items = [phase_item(item["price"], item["quantity"]) for item in items_of(sandbox, subscription)]
    return phase(subscription["currency"], items, start, end) | {"trial_end": subscription["trial_end"]}


def phase(currency: str, items: list[Object], start: int, end: int) -> Object:
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": currency,
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": end,
        "invoice_settings": None,
        "items": items,
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": start,
        "transfer_data": None,
        "trial_end": None,
    }


def phase_item(price: str, quantity: int) -> Object:
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": {},
        "price": price,
        "quantity": quantity,
        "tax_rates": [],
    }


def turn(sandbox: Sandbox, schedule: Object) -> None:
    """The current phase has ended: the next one begins, or the schedule is over."""
    ended = schedule["current_phase"]["end_date"]
    following = [each for each in schedule["phases"] if each["start_date"] >= ended]
    if not following:
        finish(sandbox, schedule)
        return
    with sandbox.changing(schedule, "subscription_schedule.updated"):
        next_phase = following[0]
        schedule["current_phase"] = {"start_date": next_phase["start_date"], "end_date": next_phase["end_date"]}
    enter(sandbox, sandbox.by_id[schedule["subscription"]], next_phase)


def enter(sandbox: Sandbox, subscription: Object, entered: Object) -> None:
    with sandbox.changing(subscription, changing.UPDATED):
        change = changing.plan(sandbox, subscription, wanted(sandbox, subscription, entered))
        changing.apply(sandbox, subscription, change)
        if entered["metadata"]:
            subscription["metadata"] = subscription["metadata"] | entered["metadata"]
        invoice_later(sandbox, subscription, change)


def wanted(sandbox: Sandbox, subscription: Object, entered: Object) -> Params:
    """The phase's items as an update of the subscription's: those of one price stay, the rest is put in place."""
    old = items_of(sandbox, subscription)
    given = [
        {"price": new["price"], "quantity": new["quantity"]} | ({"id": old[index]["id"]} if index < len(old) else {})
        for index, new in enumerate(entered["items"])
    ]
    gone = [{"id": item["id"], "deleted": True} for item in old[len(given) :]]
    return {"items": [*given, *gone], "proration_behavior": entered["proration_behavior"]}


def invoice_later(sandbox: Sandbox, subscription: Object, change: Change) -> None:
    """A phase that begins with the period costs nothing extra: the renewal follows at the same moment. Another
    interval is a draft for an hour, as a renewal is; our reading."""
    customer = sandbox.by_id[subscription["customer"]]
    for draft in change.prorations:
        waiting_items.make(sandbox, customer, draft, currency=subscription["currency"])
    if not changing.costs(change):
        return
    lines = [*waiting_items.take(sandbox, subscription), *change.full_periods]
    later = sandbox.now + int(invoicing.DRAFT_LASTS.total_seconds())
    invoice_lines(sandbox, subscription, lines, reason="subscription_update", automatically_finalizes_at=later)


def finish(sandbox: Sandbox, schedule: Object) -> None:
    subscription = sandbox.by_id[schedule["subscription"]]
    if schedule["end_behavior"] == "release":
        release(sandbox, schedule)
        return
    schedule.update(status="completed", completed_at=sandbox.now, current_phase=None)
    subscription["schedule"] = None
    lifecycle.end(sandbox, subscription)
    sandbox.emit("subscription_schedule.completed", schedule)


def release(sandbox: Sandbox, schedule: Object) -> Object:
    """https://docs.stripe.com/api/subscription_schedules/release: the subscription goes on as it is."""
    subscription = sandbox.by_id[schedule["subscription"]]
    schedule.update(
        status="released",
        released_at=sandbox.now,
        released_subscription=subscription["id"],
        subscription=None,
        current_phase=None,
    )
    with sandbox.changing(subscription, changing.UPDATED):
        subscription["schedule"] = None
    sandbox.emit("subscription_schedule.released", schedule)
    return schedule


def cancel(sandbox: Sandbox, schedule: Object) -> Object:
    """https://docs.stripe.com/api/subscription_schedules/cancel: with the subscription."""
    subscription = sandbox.by_id[schedule["subscription"]]
    schedule.update(status="canceled", canceled_at=sandbox.now, current_phase=None)
    subscription["schedule"] = None
    lifecycle.end(sandbox, subscription)
    sandbox.emit("subscription_schedule.canceled", schedule)
    return schedule


def on_subscription_ended(sandbox: Sandbox, subscription: Object) -> None:
    schedule = sandbox.by_id.get(subscription["schedule"] or "")
    if schedule and schedule["status"] == "active":
        schedule.update(status="canceled", canceled_at=sandbox.now, current_phase=None)
        sandbox.emit("subscription_schedule.canceled", schedule)


def agenda(sandbox: Sandbox) -> list[Due]:
    running = filter(sandbox.is_on_clock, sandbox.all("subscription_schedule", status="active"))
    return [(each["current_phase"]["end_date"], partial(turn, sandbox, each)) for each in running]
