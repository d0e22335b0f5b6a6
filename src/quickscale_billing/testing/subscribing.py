"""How a subscription begins: its items, its first period, its first invoice.

https://docs.stripe.com/billing/subscriptions/overview
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from quickscale_billing.testing import discounts, invoice_drafts, invoicing
from quickscale_billing.testing.invoice_lines import Draft
from quickscale_billing.testing.money import money
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.periods import nth
from quickscale_billing.testing.prorating import Holding
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

# https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
INCOMPLETE_LASTS = timedelta(hours=23)
LIVING = {"trialing", "active", "past_due", "unpaid", "paused", "incomplete"}
BILLED = {"trialing", "active", "past_due", "unpaid"}


@dataclass(frozen=True, kw_only=True)
class Item:
    price: Object
    quantity: int = 1
    metadata: Object = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a new subscription is asked to be."""

    customer: Object
    items: list[Item]
    trial_end: int | None = None
    discounts: list[Object] = field(default_factory=list)
    more: Object = field(default_factory=dict)


def start(sandbox: Sandbox, terms: Terms, *, paid_by: Object | None = None) -> Object:
    """The subscription, incomplete or in its trial, and its first invoice, finalized but not yet collected, unless
    `paid_by` has paid it. An invoice of nothing is paid at once, so that the subscription lives."""
    subscription = make(sandbox, terms)
    for item in terms.items:
        make_item(sandbox, subscription, item)
    subscription["discounts"] = discounts.make(
        sandbox, terms.discounts, customer=terms.customer["id"], subscription=subscription["id"]
    )
    discounts.redeem(sandbox, terms.discounts)
    sandbox.emit("customer.subscription.created", subscription)
    invoice = first_invoice(sandbox, subscription)
    invoicing.finalize(sandbox, invoice, paid_by=paid_by)
    return subscription


def make(sandbox: Sandbox, terms: Terms) -> Object:
    now, trial_end = sandbox.now, terms.trial_end
    subscription = sandbox.create(
        "subscription",
        "sub",
        **blank(),
        billing_cycle_anchor=trial_end or now,
        currency=terms.items[0].price["currency"],
        customer=terms.customer["id"],
        start_date=now,
        status="trialing" if trial_end else "incomplete",
        test_clock=terms.customer["test_clock"],
        trial_end=trial_end,
        trial_start=now if trial_end else None,
    )
    subscription.update(terms.more)
    terms.customer["currency"] = terms.customer["currency"] or subscription["currency"]
    return subscription


def blank() -> Object:
    return {
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor_config": None,
        # https://docs.stripe.com/billing/subscriptions/billing-mode: the default since 2025-09-30.clover
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "latest_invoice": None,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "transfer_data": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    }


def make_item(sandbox: Sandbox, subscription: Object, item: Item) -> Object:
    start, end = first_period(sandbox, subscription, item)
    return sandbox.create(
        "subscription_item",
        "si",
        id_length=14,
        billing_thresholds=None,
        current_period_end=end,
        current_period_start=start,
        discounts=[],
        metadata=item.metadata,
        price=item.price["id"],
        quantity=item.quantity,
        subscription=subscription["id"],
        tax_rates=[],
    )


def first_period(sandbox: Sandbox, subscription: Object, item: Item) -> tuple[int, int]:
    """The trial is a period of its own."""
    if subscription["trial_end"] and subscription["trial_end"] > sandbox.now:
        return sandbox.now, subscription["trial_end"]
    anchor = subscription["billing_cycle_anchor"]
    return anchor, nth(anchor, item.price["recurring"], 1)


def items_of(sandbox: Sandbox, subscription: Object) -> list[Object]:
    return sandbox.all("subscription_item", subscription=subscription["id"])


def period_of(sandbox: Sandbox, subscription: Object) -> tuple[int, int]:
    item = items_of(sandbox, subscription)[0]
    return item["current_period_start"], item["current_period_end"]


def is_trialing(sandbox: Sandbox, subscription: Object) -> bool:
    return bool(subscription["trial_end"] and subscription["trial_end"] > sandbox.now)


def first_invoice(sandbox: Sandbox, subscription: Object) -> Object:
    return invoice_period(sandbox, subscription, reason="subscription_create")


def invoice_period(
    sandbox: Sandbox, subscription: Object, *, reason: str, drafts: list[Draft] | None = None, **fields: Any
) -> Object:
    """An invoice for the period that the items are in, after what waited to be invoiced."""
    holdings = [Holding.of(item) for item in items_of(sandbox, subscription)]
    lines = [*(drafts or []), *(period_draft(sandbox, subscription, each) for each in holdings)]
    return invoice_lines(sandbox, subscription, lines, reason=reason, **fields)


def invoice_lines(sandbox: Sandbox, subscription: Object, drafts: list[Draft], *, reason: str, **fields: Any) -> Object:
    invoice = invoice_drafts.make(
        sandbox,
        sandbox.by_id[subscription["customer"]],
        drafts,
        reason=reason,
        currency=subscription["currency"],
        subscription=subscription,
        **fields,
    )
    subscription["latest_invoice"] = invoice["id"]
    subscription["discounts"] = discounts.after_invoice(sandbox, subscription["discounts"])
    return invoice


def period_draft(sandbox: Sandbox, subscription: Object, holding: Holding) -> Draft:
    """https://docs.stripe.com/billing/subscriptions/trials: in a trial, a line of nothing."""
    price, trialing = sandbox.by_id[holding.price], is_trialing(sandbox, subscription)
    name = sandbox.by_id[price["product"]]["name"]
    each = f"{money(price['unit_amount'], price['currency'])} / {price['recurring']['interval']}"
    paid = f"{holding.quantity} \N{MULTIPLICATION SIGN} {name} (at {each})"
    return Draft(
        amount=0 if trialing else price["unit_amount"] * holding.quantity,
        description=f"Trial period for {name}" if trialing else paid,
        start=holding.start,
        end=holding.end,
        price=price["id"],
        quantity=holding.quantity,
        subscription=subscription["id"],
        subscription_item=holding.item,
        metadata=dict(subscription["metadata"]),
    )


def collect_first(sandbox: Sandbox, subscription: Object, presence: Presence) -> None:
    invoice = sandbox.by_id[subscription["latest_invoice"]]
    if invoice["status"] == "open":
        invoicing.collect(sandbox, invoice, presence)
