"""What happens to a subscription by itself: payment of its invoices, renewals, the end of a trial, its own end.

https://docs.stripe.com/billing/subscriptions/overview#subscription-lifecycle
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from quickscale_billing.testing import invoice_drafts, invoicing, waiting_items
from quickscale_billing.testing.periods import end_after
from quickscale_billing.testing.sandbox import Due, Sandbox
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.subscribing import (
    BILLED,
    INCOMPLETE_LASTS,
    LIVING,
    invoice_period,
    items_of,
    period_of,
)

# https://docs.stripe.com/billing/subscriptions/trials: "three days before the trial ends"
TRIAL_WARNING = timedelta(days=3)

UPDATED = "customer.subscription.updated"


def on_invoice_paid(sandbox: Sandbox, invoice: Object) -> None:
    subscription = sandbox.by_id.get(invoice_drafts.subscription_of(invoice) or "")
    if subscription is None or subscription["status"] not in {"incomplete", "past_due", "unpaid"}:
        return
    if subscription["status"] != "incomplete" and is_behind(sandbox, subscription):
        return
    with sandbox.changing(subscription, UPDATED):
        subscription["status"] = "active"
        remember_method(sandbox, subscription, invoice)


def is_behind(sandbox: Sandbox, subscription: Object) -> bool:
    """https://docs.stripe.com/billing/subscriptions/overview#unpaid: the latest invoice decides."""
    latest = sandbox.by_id[subscription["latest_invoice"]]
    return bool(latest["status"] in {"open", "uncollectible"})


def remember_method(sandbox: Sandbox, subscription: Object, invoice: Object) -> None:
    wanted = subscription["payment_settings"]["save_default_payment_method"] == "on_subscription"
    intent = invoicing.intent_of(sandbox, invoice)
    if wanted and intent:
        subscription["default_payment_method"] = intent["payment_method"]


def on_invoice_failed(sandbox: Sandbox, invoice: Object) -> None:
    """The first failure makes it past due; after the last try, what the account is set to happens."""
    subscription = sandbox.by_id.get(invoice_drafts.subscription_of(invoice) or "")
    if subscription is None or invoice["billing_reason"] == "subscription_create" or invoice.get("_pending"):
        return
    if subscription["status"] == "active":
        with sandbox.changing(subscription, UPDATED):
            subscription["status"] = "past_due"
    if subscription["status"] == "past_due" and invoice["attempt_count"] > len(invoicing.RETRY_AFTER):
        give_up(sandbox, subscription, invoice)


def give_up(sandbox: Sandbox, subscription: Object, invoice: Object) -> None:
    invoice["auto_advance"] = False
    if sandbox.conduct.after_last_retry == "canceled":
        end(sandbox, subscription, reason="payment_failed")
    elif sandbox.conduct.after_last_retry == "unpaid":
        with sandbox.changing(subscription, UPDATED):
            subscription["status"] = "unpaid"


def end(sandbox: Sandbox, subscription: Object, *, reason: str = "cancellation_requested") -> Object:
    """https://docs.stripe.com/billing/subscriptions/cancel: what is still a draft is not collected any more."""
    now = sandbox.now
    details = subscription["cancellation_details"] | {"reason": reason}
    subscription.update(status="canceled", ended_at=now, cancellation_details=details, pending_update=None)
    subscription["canceled_at"] = subscription["canceled_at"] or now
    for invoice in invoices_of(sandbox, subscription):
        invoice["auto_advance"] = False
    sandbox.emit("customer.subscription.deleted", subscription)
    return subscription


def invoices_of(sandbox: Sandbox, subscription: Object) -> list[Object]:
    everything = sandbox.all("invoice", customer=subscription["customer"])
    return [each for each in everything if invoice_drafts.subscription_of(each) == subscription["id"]]


def expire_incomplete(sandbox: Sandbox, subscription: Object) -> None:
    """Nobody paid the first invoice within 23 hours."""
    invoice = sandbox.by_id[subscription["latest_invoice"]]
    if invoice["status"] == "open":
        invoicing.void(sandbox, invoice)
    with sandbox.changing(subscription, UPDATED):
        subscription.update(status="incomplete_expired", ended_at=sandbox.now)


def turn(sandbox: Sandbox, subscription: Object) -> None:
    """The current period has ended."""
    if subscription["cancel_at_period_end"]:
        end(sandbox, subscription)
    elif trial_ends_without_method(sandbox, subscription):
        end_trial_unpaid(sandbox, subscription)
    else:
        renew(sandbox, subscription)


def renew(sandbox: Sandbox, subscription: Object) -> None:
    """The next period begins, and with it a draft that is collected an hour later."""
    before, _ = period_of(sandbox, subscription)
    with sandbox.changing(subscription, UPDATED):
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
        for item in items_of(sandbox, subscription):
            move_on(sandbox, subscription, item)
        make_renewal(sandbox, subscription, since=before)


def move_on(sandbox: Sandbox, subscription: Object, item: Object) -> None:
    start = item["current_period_end"]
    recurring = sandbox.by_id[item["price"]]["recurring"]
    item["current_period_start"] = start
    item["current_period_end"] = end_after(subscription["billing_cycle_anchor"], recurring, start)


def make_renewal(sandbox: Sandbox, subscription: Object, *, since: int) -> Object:
    """An invoice's own period looks back. That of an unpaid subscription stays a draft.
    https://docs.stripe.com/billing/subscriptions/overview#unpaid"""
    collects = subscription["status"] != "unpaid"
    later = sandbox.now + int(invoicing.DRAFT_LASTS.total_seconds())
    return invoice_period(
        sandbox,
        subscription,
        reason="subscription_cycle",
        drafts=waiting_items.take(sandbox, subscription),
        automatically_finalizes_at=later if collects else None,
        auto_advance=collects,
        period_start=since,
        period_end=period_of(sandbox, subscription)[0],
    )


def trial_ends_without_method(sandbox: Sandbox, subscription: Object) -> bool:
    if subscription["status"] != "trialing":
        return False
    customer = sandbox.by_id[subscription["customer"]]
    method = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    return (
        method is None and subscription["trial_settings"]["end_behavior"]["missing_payment_method"] != "create_invoice"
    )


def end_trial_unpaid(sandbox: Sandbox, subscription: Object) -> None:
    """https://docs.stripe.com/billing/subscriptions/trials#create-free-trials-without-payment"""
    if subscription["trial_settings"]["end_behavior"]["missing_payment_method"] == "cancel":
        end(sandbox, subscription)
        return
    with sandbox.changing(subscription, UPDATED):
        subscription["status"] = "paused"
    sandbox.emit("customer.subscription.paused", subscription)


def warn_of_trial_end(sandbox: Sandbox, subscription: Object) -> None:
    subscription["_warned"] = True
    sandbox.emit("customer.subscription.trial_will_end", subscription)


def on_customer_deleted(sandbox: Sandbox, customer: Object) -> None:
    """https://docs.stripe.com/api/customers/delete: "Also immediately cancels any active subscriptions"."""
    for subscription in sandbox.all("subscription", customer=customer["id"]):
        if subscription["status"] in LIVING:
            end(sandbox, subscription)


def agenda(sandbox: Sandbox) -> list[Due]:
    mine = filter(sandbox.is_on_clock, sandbox.all("subscription"))
    return [due for subscription in mine for due in dues(sandbox, subscription)]


def dues(sandbox: Sandbox, subscription: Object) -> list[Due]:
    def at(moment: int, step: Callable[[Sandbox, Object], object]) -> None:
        found.append((moment, partial(step, sandbox, subscription)))

    found: list[Due] = []
    if subscription["status"] == "incomplete":
        at(subscription["created"] + int(INCOMPLETE_LASTS.total_seconds()), expire_incomplete)
    if subscription["status"] in BILLED:
        if subscription["cancel_at"] and not subscription["cancel_at_period_end"]:
            at(subscription["cancel_at"], end)
        at(period_of(sandbox, subscription)[1], turn)
    if subscription["status"] == "trialing" and not subscription.get("_warned"):
        at(subscription["trial_end"] - int(TRIAL_WARNING.total_seconds()), warn_of_trial_end)
    return found
