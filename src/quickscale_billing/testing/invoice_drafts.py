"""Drafts of invoices: their lines, what they come to, and about whom they are. https://docs.stripe.com/api/invoices"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from quickscale_billing.testing import discounts, tax_rates, waiting_items
from quickscale_billing.testing.amounts import amounts_of, spread_discount
from quickscale_billing.testing.invoice_lines import Draft, price_of, put
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


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
        total_taxes=tax_rates.added_up(lines, of="taxes"),
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
    line["taxes"] = tax_rates.on_invoice(sandbox, amounts)
    return amounts.tax, amounts.is_tax_included


def owe(invoice: Object, balance: int) -> None:
    """https://docs.stripe.com/billing/customer/balance: credit pays, debt is collected too."""
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, invoice["total"] + balance)
