"""The life of an invoice: draft, open, paid or void. https://docs.stripe.com/invoicing/overview"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any

from quickscale_billing.testing import discounts, waiting_items
from quickscale_billing.testing.amounts import amounts_of, spread_discount
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.ids import token
from quickscale_billing.testing.invoice_lines import Draft, price_of, put
from quickscale_billing.testing.payments import Presence, attempt, make_intent
from quickscale_billing.testing.resources import customers
from quickscale_billing.testing.sandbox import Due, Object, Sandbox

# https://docs.stripe.com/billing/invoices/subscription: "approximately one hour"
DRAFT_LASTS = timedelta(hours=1)
# Stripe's Smart Retries choose the moments by themselves; these are the fixed ones of an own schedule, our reading.
# https://docs.stripe.com/billing/revenue-recovery/smart-retries
RETRY_AFTER = (timedelta(days=3), timedelta(days=5), timedelta(days=7))
RETRIED = {"subscription_cycle", "subscription_update"}


def make(
    sandbox: Sandbox,
    customer: Object,
    drafts: Iterable[Draft],
    *,
    reason: str,
    currency: str,
    subscription: Object | None = None,
    **fields: Any,
) -> Object:
    """A draft with its lines and totals."""
    source = subscription or {}
    invoice = sandbox.create(
        "invoice",
        "in",
        **blank(),
        **about(customer),
        automatic_tax=automatic_tax(source),
        billing_reason=reason,
        currency=currency,
        default_payment_method=None,
        discounts=list(source.get("discounts", [])),
        metadata={},
        parent=parent(subscription),
        period_end=sandbox.now,
        period_start=sandbox.now,
        starting_balance=customer["balance"],
    )
    invoice.update(fields)
    for draft in drafts:
        put(sandbox, invoice, draft)
    waiting_items.settle(sandbox, invoice)
    total(sandbox, invoice)
    sandbox.emit("invoice.created", invoice)
    return invoice


def join(sandbox: Sandbox, invoice: Object, draft: Draft) -> None:
    """One more line on a draft."""
    put(sandbox, invoice, draft)
    total(sandbox, invoice)


def blank() -> Object:
    return {
        "account_country": "US",
        "account_name": "Simulated",
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatically_finalizes_at": None,
        "collection_method": "charge_automatically",
        "custom_fields": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }


def about(customer: Object) -> Object:
    copied = ("address", "email", "name", "phone", "shipping", "tax_exempt")
    return {f"customer_{name}": customer[name] for name in copied} | {
        "customer": customer["id"],
        "customer_account": None,
        "customer_tax_ids": [],
        "test_clock": customer["test_clock"],
    }


def automatic_tax(source: Object) -> Object:
    enabled = source.get("automatic_tax", {}).get("enabled", False)
    liability, provider, status = ({"type": "self"}, "stripe", "complete") if enabled else (None, None, None)
    return {
        "disabled_reason": None,
        "enabled": enabled,
        "liability": liability,
        "provider": provider,
        "status": status,
    }


def parent(subscription: Object | None) -> Object | None:
    if subscription is None:
        return None
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"type": "subscription_details", "quote_details": None, "subscription_details": details}


def subscription_of(invoice: Object) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    name: str | None = details and details["subscription"]
    return name


def total(sandbox: Sandbox, invoice: Object) -> None:
    """Sums over the lines, with discount and tax; a total below zero goes to the customer's balance."""
    lines = sandbox.all("line_item", invoice=invoice["id"])
    discount = discounts.applied(sandbox, invoice["discounts"])
    coupon = discount and sandbox.by_id[discount["source"]["coupon"]]
    taken = spread_discount([line["amount"] for line in lines], coupon)
    taxes = [settle_line(sandbox, invoice, line, part, discount) for line, part in zip(lines, taken, strict=True)]
    excluded = sum(tax for tax, is_included in taxes if not is_included)
    included = sum(tax for tax, is_included in taxes if is_included)
    subtotal = sum(line["amount"] for line in lines)
    invoice.update(
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - included,
        total=subtotal - sum(taken) + excluded,
        total_excluding_tax=subtotal - sum(taken) - included,
        total_discount_amounts=[{"amount": sum(taken), "discount": discount["id"]}] if discount else [],
        total_taxes=[tax for line in lines for tax in line["taxes"]],
    )
    owe(invoice, invoice["starting_balance"])


def settle_line(
    sandbox: Sandbox, invoice: Object, line: Object, discount: int, source: Object | None
) -> tuple[int, bool]:
    line["discount_amounts"] = [{"amount": discount, "discount": source["id"]}] if source else []
    price = sandbox.by_id.get(price_of(line) or "") or {}
    amounts = amounts_of(
        sandbox,
        line["amount"],
        discount,
        tax_behavior=price.get("tax_behavior"),
        taxed=invoice["automatic_tax"]["enabled"],
    )
    line["taxes"] = [tax_shown(sandbox, amounts.tax, line["amount"] - discount, amounts.is_tax_included)]
    if not amounts.tax:
        line["taxes"] = []
    return amounts.tax, amounts.is_tax_included


def tax_shown(sandbox: Sandbox, amount: int, taxable: int, is_included: bool) -> Object:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if is_included else "exclusive",
        "tax_rate_details": {"tax_rate": f"txr_{token(sandbox.ids.seed, 24)}"},
        "taxability_reason": "standard_rated",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def owe(invoice: Object, balance: int) -> None:
    """https://docs.stripe.com/billing/customer/balance: credit pays, debt is collected too."""
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, invoice["total"] + balance)


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


def is_last_attempt(invoice: Object) -> bool:
    return bool(invoice["next_payment_attempt"] is None)


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
