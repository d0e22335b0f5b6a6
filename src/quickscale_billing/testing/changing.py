"""A subscription changes in the middle of its period: other items, another anchor, an earlier end of the trial.

https://docs.stripe.com/billing/subscriptions/change
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from quickscale_billing.testing import invoice_drafts, invoicing, prorating, waiting_items
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.invoice_lines import Draft
from quickscale_billing.testing.parameters import Params, merge_metadata
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.periods import nth
from quickscale_billing.testing.prorating import Holding
from quickscale_billing.testing.rendering import render
from quickscale_billing.testing.sandbox import Due, Sandbox
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.subscribing import (
    INCOMPLETE_LASTS,
    invoice_lines,
    is_trialing,
    items_of,
    period_draft,
    period_of,
)

UPDATED = "customer.subscription.updated"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the subscription is to become, and the lines that this costs."""

    holdings: list[Holding]
    item_metadata: dict[str, Object]
    anchor: int | None
    ends_trial: bool
    prorations: list[Draft]
    full_periods: list[Draft]
    invoices_now: bool


def plan(sandbox: Sandbox, subscription: Object, params: Params) -> Change:
    before = [Holding.of(item) for item in items_of(sandbox, subscription)]
    after, metadata = asked_for(sandbox, before, params.get("items", []))
    behavior, at = params.get("proration_behavior", "create_prorations"), params.get("proration_date", sandbox.now)
    ends_trial = params.get("trial_end") == "now" and is_trialing(sandbox, subscription)
    trialing = is_trialing(sandbox, subscription) and not ends_trial
    restarts = not trialing and (ends_trial or starts_anew(sandbox, before, after, params))
    if restarts:
        after = [restarted(sandbox, each) for each in after]
    prorated = behavior != "none" and not trialing and not ends_trial
    return Change(
        holdings=after,
        item_metadata=metadata,
        anchor=sandbox.now if restarts else None,
        ends_trial=ends_trial,
        prorations=prorations(sandbox, subscription, before, after, at=at, restarts=restarts) if prorated else [],
        full_periods=[period_of_draft(sandbox, subscription, each) for each in after] if restarts else [],
        invoices_now=restarts or behavior == "always_invoice",
    )


def asked_for(sandbox: Sandbox, before: list[Holding], given: list[Params]) -> tuple[list[Holding], dict[str, Object]]:
    """The items after the change: those not named stay, those without an id come in addition."""
    after, metadata = {each.item: each for each in before}, {}
    for index, each in enumerate(given):
        name = each.get("id") or sandbox.ids.make("si", length=14)
        if (each.get("id") or each.get("deleted")) and name not in after:
            raise invalid(f"No such subscription item: '{name}'", param=f"items[{index}][id]", code="resource_missing")
        if each.get("deleted"):
            del after[name]
            continue
        after[name] = changed(sandbox, after.get(name), name, each, before[0])
        metadata[name] = each.get("metadata", {})
    if not after:
        raise invalid("A subscription must have at least one active plan.", param="items")
    check_intervals(sandbox, list(after.values()))
    return list(after.values()), metadata


def changed(sandbox: Sandbox, old: Holding | None, name: str, given: Params, sibling: Holding) -> Holding:
    price = str(recurring_price(sandbox, given["price"])["id"]) if given.get("price") else old.price if old else ""
    if not price:
        raise invalid("Missing required param: items[0][price].", param="items[0][price]", code="parameter_missing")
    quantity = given.get("quantity", old.quantity if old else 1)
    return Holding(name, price, quantity, sibling.start, sibling.end)


def recurring_price(sandbox: Sandbox, name: str, *, param: str = "items[0][price]") -> Object:
    price = sandbox.get("price", name, param=param)
    if price["type"] != "recurring":
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
        )
        raise invalid(message, param=param)
    if not price["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise invalid(message, param=param)
    return price


def check_intervals(sandbox: Sandbox, holdings: list[Holding]) -> None:
    if len({interval_of(sandbox, each) for each in holdings}) > 1:
        raise invalid("The simulator plays one interval for all items of a subscription.", param="items")


def interval_of(sandbox: Sandbox, holding: Holding) -> tuple[str, int]:
    recurring = sandbox.by_id[holding.price]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def starts_anew(sandbox: Sandbox, before: list[Holding], after: list[Holding], params: Params) -> bool:
    """https://docs.stripe.com/billing/subscriptions/prorations#when-prorations-are-applied: another interval, and
    the step from free to paid, move the billing date to now and invoice at once."""
    other_interval = interval_of(sandbox, before[0]) != interval_of(sandbox, after[0])
    was_free = all(not sandbox.by_id[each.price]["unit_amount"] for each in before)
    is_free = all(not sandbox.by_id[each.price]["unit_amount"] for each in after)
    return params.get("billing_cycle_anchor") == "now" or other_interval or (was_free and not is_free)


def restarted(sandbox: Sandbox, holding: Holding) -> Holding:
    recurring = sandbox.by_id[holding.price]["recurring"]
    return replace(holding, start=sandbox.now, end=nth(sandbox.now, recurring, 1))


def prorations(
    sandbox: Sandbox, subscription: Object, before: list[Holding], after: list[Holding], *, at: int, restarts: bool
) -> list[Draft]:
    """On a new anchor the old time is given back, and the new period is charged in full, not in part."""
    start, end = period_of(sandbox, subscription)
    if not start <= at <= end:
        message = "Cannot use proration_date because it lies outside of the current period."
        raise invalid(message, param="proration_date")
    return prorating.drafts(sandbox, subscription, before, [] if restarts else after, at=at)


def period_of_draft(sandbox: Sandbox, subscription: Object, holding: Holding) -> Draft:
    draft = period_draft(sandbox, subscription, holding)
    price = sandbox.by_id[holding.price]
    # The trial may end by this very change.
    return replace(draft, amount=price["unit_amount"] * holding.quantity)


def perform(sandbox: Sandbox, subscription: Object, change: Change, params: Params) -> None:
    """Apply the change and charge for it; with `pending_if_incomplete`, the other way round."""
    presence = Presence.OFF_SESSION if params.get("off_session") else Presence.ON_SESSION
    drop_pending(sandbox, subscription)
    if params.get("payment_behavior") == "pending_if_incomplete" and costs(change):
        apply_when_paid(sandbox, subscription, change, presence, params)
        return
    apply(sandbox, subscription, change)
    charge(sandbox, subscription, change, presence)


def costs(change: Change) -> bool:
    return change.invoices_now and bool(change.prorations or change.full_periods)


def apply(sandbox: Sandbox, subscription: Object, change: Change) -> None:
    if change.ends_trial:
        subscription.update(status="active", trial_end=sandbox.now)
    if change.anchor is not None:
        subscription["billing_cycle_anchor"] = change.anchor
    kept = {each.item for each in change.holdings}
    for item in items_of(sandbox, subscription):
        if item["id"] not in kept:
            sandbox.remove(item)
    for holding in change.holdings:
        apply_item(sandbox, subscription, holding, change.item_metadata.get(holding.item, {}))
    if subscription["cancel_at_period_end"]:
        # https://docs.stripe.com/changelog/basil/2025-05-28/cancel-at-enums: it follows the end of the period.
        subscription["cancel_at"] = min(holding.end for holding in change.holdings)


def apply_item(sandbox: Sandbox, subscription: Object, holding: Holding, metadata: Object) -> None:
    item = sandbox.by_id.get(holding.item) or sandbox.create(
        "subscription_item",
        "si",
        id=holding.item,
        billing_thresholds=None,
        discounts=[],
        metadata={},
        subscription=subscription["id"],
        tax_rates=[],
    )
    item.update(
        price=holding.price,
        quantity=holding.quantity,
        current_period_start=holding.start,
        current_period_end=holding.end,
    )
    item["metadata"] = merge_metadata(item["metadata"], metadata) if metadata else item["metadata"]


def charge(sandbox: Sandbox, subscription: Object, change: Change, presence: Presence) -> None:
    customer = sandbox.by_id[subscription["customer"]]
    for draft in change.prorations:
        waiting_items.make(sandbox, customer, draft, currency=subscription["currency"])
    if not costs(change):
        return
    waiting = waiting_items.take(sandbox, subscription)
    invoice = invoice_lines(sandbox, subscription, [*waiting, *change.full_periods], reason="subscription_update")
    invoicing.finalize(sandbox, invoice)
    if invoice["status"] == "open":
        invoicing.collect(sandbox, invoice, presence)


def apply_when_paid(sandbox: Sandbox, subscription: Object, change: Change, presence: Presence, params: Params) -> None:
    """https://docs.stripe.com/billing/subscriptions/pending-updates"""
    lines = [*change.prorations, *change.full_periods]
    invoice = invoice_lines(
        sandbox, subscription, lines, reason="subscription_update", auto_advance=False, _pending=True
    )
    subscription["_change"] = {"change": change, "invoice": invoice["id"]}
    invoicing.finalize(sandbox, invoice)
    if invoice["status"] == "open":
        invoicing.collect(sandbox, invoice, presence)
    if invoice["status"] == "open":
        subscription["pending_update"] = shown(sandbox, subscription, change)


def shown(sandbox: Sandbox, subscription: Object, change: Change) -> Object:
    _, end = period_of(sandbox, subscription)
    lasts = sandbox.now + int(INCOMPLETE_LASTS.total_seconds())
    return {
        "billing_cycle_anchor": change.anchor,
        "discounts": None,
        "expires_at": min(lasts, end),
        "metadata": None,
        "subscription_items": [shown_item(sandbox, subscription, each) for each in change.holdings],
        "trial_end": None,
        "trial_from_plan": None,
    }


def shown_item(sandbox: Sandbox, subscription: Object, holding: Holding) -> Object:
    return {
        "id": holding.item,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": sandbox.now,
        "current_period_end": holding.end,
        "current_period_start": holding.start,
        "discounts": [],
        "metadata": {},
        "price": render(sandbox, sandbox.by_id[holding.price]),
        "quantity": holding.quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def on_invoice_paid(sandbox: Sandbox, invoice: Object) -> None:
    """The invoice of a pending update was paid: now it takes place."""
    subscription = sandbox.by_id.get(invoice_drafts.subscription_of(invoice) or "")
    waiting: Any = subscription and subscription.get("_change")
    if subscription is None or not waiting or waiting["invoice"] != invoice["id"]:
        return
    was_shown = subscription["pending_update"] is not None
    with sandbox.changing(subscription, UPDATED):
        apply(sandbox, subscription, waiting["change"])
        subscription.update(pending_update=None, _change=None)
    if was_shown:
        sandbox.emit("customer.subscription.pending_update_applied", subscription)


def drop_pending(sandbox: Sandbox, subscription: Object) -> None:
    """A further change takes the place of one that waits for its payment."""
    if waiting := subscription.get("_change"):
        subscription.update(pending_update=None, _change=None)
        invoice = sandbox.by_id[waiting["invoice"]]
        if invoice["status"] == "open":
            invoicing.void(sandbox, invoice)


def expire_pending(sandbox: Sandbox, subscription: Object) -> None:
    with sandbox.changing(subscription, UPDATED):
        drop_pending(sandbox, subscription)
    sandbox.emit("customer.subscription.pending_update_expired", subscription)


def agenda(sandbox: Sandbox) -> list[Due]:
    waiting = [each for each in filter(sandbox.is_on_clock, sandbox.all("subscription")) if each["pending_update"]]
    return [(each["pending_update"]["expires_at"], partial(expire_pending, sandbox, each)) for each in waiting]
