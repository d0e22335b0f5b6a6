"""The life of an invoice: draft, open, paid or void. https://docs.stripe.com/invoicing/overview"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.invoice_drafts import owe, subscription_of
from quickscale_billing.testing.payments import Presence, attempt, make_intent
from quickscale_billing.testing.resources import customers
from quickscale_billing.testing.sandbox import Due, Sandbox
from quickscale_billing.testing.store import Object

# https://docs.stripe.com/billing/invoices/subscription: "approximately one hour"
DRAFT_LASTS = timedelta(hours=1)
# Stripe's Smart Retries choose the moments by themselves; these are the fixed ones of an own schedule, our reading.
# https://docs.stripe.com/billing/revenue-recovery/smart-retries
RETRY_AFTER = (timedelta(days=3), timedelta(days=5), timedelta(days=7))
RETRIED = {"subscription_cycle", "subscription_update"}


def finalize(sandbox: Sandbox, invoice: Object, *, paid_by: Object | None = None) -> Object:
    """No more changes: it gets its number, uses the balance, and waits for a payment if one is due; `paid_by` is a
    payment intent that has succeeded already."""
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    customer = sandbox.by_id[invoice["customer"]]
    use_balance(sandbox, invoice, customer)
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}",
        effective_at=sandbox.now,
        automatically_finalizes_at=None,
        hosted_invoice_url=f"{sandbox.address}/invoice/{invoice['id']}",
        invoice_pdf=f"{sandbox.address}/invoice/{invoice['id']}/pdf",
    )
    invoice["status_transitions"]["finalized_at"] = sandbox.now
    customer["next_invoice_sequence"] += 1
    if invoice["amount_due"]:
        expect_payment(sandbox, invoice, paid_by)
    sandbox.emit("invoice.finalized", invoice)
    if not invoice["amount_due"] or paid_by:
        mark_paid(sandbox, invoice)
    return invoice


def use_balance(sandbox: Sandbox, invoice: Object, customer: Object) -> None:
    before = customer["balance"]
    owe(invoice, before)
    used = invoice["amount_due"] - invoice["total"]
    invoice.update(starting_balance=before, ending_balance=before - used)
    if used:
        with sandbox.changing(customer, "customer.updated"):
            customer["balance"] -= used
            about_invoice = {"invoice": invoice["id"], "currency": invoice["currency"]}
            customers.record_balance(sandbox, customer, -used, kind="applied_to_invoice", **about_invoice)


def expect_payment(sandbox: Sandbox, invoice: Object, intent: Object | None = None) -> None:
    """https://docs.stripe.com/api/invoice-payment: the payment intent that is to pay it."""
    customer = sandbox.by_id[invoice["customer"]]
    if intent is None:
        intent = make_intent(
            sandbox,
            amount=invoice["amount_due"],
            currency=invoice["currency"],
            customer=customer["id"],
            metadata={},
            description=invoice["description"] or DESCRIPTIONS.get(invoice["billing_reason"], "Payment for Invoice"),
            setup_future_usage="off_session" if subscription_of(invoice) else None,
        )
    intent["_invoice"] = invoice["id"]
    payment = sandbox.create(
        "invoice_payment",
        "inpay",
        amount_paid=None,
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )
    invoice["_payment"] = payment["id"]


DESCRIPTIONS = {
    "subscription_create": "Subscription creation",
    "subscription_cycle": "Subscription update",
    "subscription_update": "Subscription update",
}


def payment_of(sandbox: Sandbox, invoice: Object) -> Object | None:
    return sandbox.by_id.get(invoice.get("_payment") or "")


def intent_of(sandbox: Sandbox, invoice: Object) -> Object | None:
    payment = payment_of(sandbox, invoice)
    return payment and sandbox.by_id[payment["payment"]["payment_intent"]]


def method_of(sandbox: Sandbox, invoice: Object) -> str | None:
    """The invoice's own, else the subscription's, else the customer's default.
    https://docs.stripe.com/billing/subscriptions/payment-methods-setting"""
    subscription = sandbox.by_id.get(subscription_of(invoice) or "") or {}
    customer = sandbox.by_id[invoice["customer"]]
    found: str | None = (
        invoice["default_payment_method"]
        or subscription.get("default_payment_method")
        or customer["invoice_settings"]["default_payment_method"]
    )
    return found


def collect(sandbox: Sandbox, invoice: Object, presence: Presence, method: str | None = None) -> Object:
    """One attempt to pay an open invoice. How it went is told by its status."""
    intent = intent_of(sandbox, invoice)
    if intent is None:
        raise ValueError(f"invoice {invoice['id']} waits for no payment")
    intent["payment_method"] = method or method_of(sandbox, invoice)
    invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1, next_payment_attempt=None)
    if intent["payment_method"] is None:
        return record_failure(sandbox, intent)
    attempt(sandbox, intent, presence)
    return invoice


def on_payment(sandbox: Sandbox, intent: Object) -> None:
    invoice = sandbox.by_id.get(intent.get("_invoice") or "")
    if invoice and invoice["status"] in {"open", "uncollectible"}:
        mark_paid(sandbox, invoice)


def on_failure(sandbox: Sandbox, intent: Object) -> None:
    if sandbox.by_id.get(intent.get("_invoice") or ""):
        record_failure(sandbox, intent)


def on_challenge(sandbox: Sandbox, intent: Object) -> None:
    if invoice := sandbox.by_id.get(intent.get("_invoice") or ""):
        sandbox.emit("invoice.payment_action_required", invoice)


def record_failure(sandbox: Sandbox, intent: Object) -> Object:
    """Told to the subscription by its event; a renewal is tried again later."""
    invoice = sandbox.by_id[intent["_invoice"]]
    invoice["attempted"] = True
    tries = invoice["attempt_count"]
    if invoice["billing_reason"] in RETRIED and invoice["auto_advance"] and 0 < tries <= len(RETRY_AFTER):
        invoice["next_payment_attempt"] = sandbox.now + int(RETRY_AFTER[tries - 1].total_seconds())
    sandbox.emit("invoice.payment_failed", invoice)
    return invoice


def mark_paid(sandbox: Sandbox, invoice: Object, *, off_stripe: bool = False) -> Object:
    due = invoice["amount_due"]
    invoice.update(
        status="paid",
        amount_paid=0 if off_stripe else due,
        amount_paid_off_stripe=due if off_stripe else 0,
        amount_remaining=0,
        attempted=True,
        auto_advance=False,
        next_payment_attempt=None,
    )
    invoice["status_transitions"]["paid_at"] = sandbox.now
    payment = payment_of(sandbox, invoice)
    if payment and not off_stripe:
        payment.update(status="paid", amount_paid=due)
        payment["status_transitions"]["paid_at"] = sandbox.now
        sandbox.emit("invoice_payment.paid", payment)
    sandbox.emit("invoice.paid", invoice)
    sandbox.emit("invoice.payment_succeeded", invoice)
    return invoice


def void(sandbox: Sandbox, invoice: Object) -> Object:
    """https://docs.stripe.com/api/invoices/void"""
    invoice.update(status="void", amount_remaining=0, auto_advance=False, next_payment_attempt=None)
    invoice["status_transitions"]["voided_at"] = sandbox.now
    cancel_payment(sandbox, invoice, "void_invoice")
    give_back_balance(sandbox, invoice)
    sandbox.emit("invoice.voided", invoice)
    return invoice


def cancel_payment(sandbox: Sandbox, invoice: Object, reason: str) -> None:
    payment, intent = payment_of(sandbox, invoice), intent_of(sandbox, invoice)
    if payment and intent and payment["status"] == "open":
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = sandbox.now
        intent.update(status="canceled", cancellation_reason=reason, canceled_at=sandbox.now, next_action=None)
        sandbox.emit("payment_intent.canceled", intent)


def give_back_balance(sandbox: Sandbox, invoice: Object) -> None:
    used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    if invoice["ending_balance"] is None or not used:
        return
    customer = sandbox.by_id[invoice["customer"]]
    with sandbox.changing(customer, "customer.updated"):
        customer["balance"] -= used
        details = {"invoice": invoice["id"], "currency": invoice["currency"]}
        customers.record_balance(sandbox, customer, -used, kind="unapplied_from_invoice", **details)


def mark_uncollectible(sandbox: Sandbox, invoice: Object) -> Object:
    invoice.update(status="uncollectible", auto_advance=False, next_payment_attempt=None)
    invoice["status_transitions"]["marked_uncollectible_at"] = sandbox.now
    sandbox.emit("invoice.marked_uncollectible", invoice)
    return invoice


def agenda(sandbox: Sandbox) -> list[Due]:
    found: list[Due] = []
    for invoice in filter(sandbox.is_on_clock, sandbox.all("invoice", auto_advance=True)):
        if invoice["status"] == "draft" and invoice["automatically_finalizes_at"]:
            found.append((invoice["automatically_finalizes_at"], partial(advance, sandbox, invoice)))
        elif invoice["status"] == "open" and invoice["next_payment_attempt"]:
            found.append((invoice["next_payment_attempt"], partial(retry, sandbox, invoice)))
    return found


def advance(sandbox: Sandbox, invoice: Object) -> None:
    finalize(sandbox, invoice)
    if invoice["status"] == "open":
        collect(sandbox, invoice, Presence.OFF_SESSION)


def retry(sandbox: Sandbox, invoice: Object) -> None:
    collect(sandbox, invoice, Presence.OFF_SESSION)
