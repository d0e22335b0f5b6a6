"""The hosted invoice page, on which an open invoice is paid. https://docs.stripe.com/invoicing/hosted-invoice-page"""

from __future__ import annotations

from html import escape

from quickscale_billing.testing import checkout, invoicing
from quickscale_billing.testing.checkout import Payer
from quickscale_billing.testing.money import money
from quickscale_billing.testing.pages.markup import (
    Reply,
    button,
    entry,
    error,
    form,
    not_found,
    page,
    paragraph,
    redirect,
    table,
)
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


def show(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    invoice = sandbox.kinds.get("invoice", {}).get(identifier)
    if invoice is None or invoice["status"] == "draft":
        return not_found("There is no such invoice.")
    return render(sandbox, invoice)


def render(sandbox: Sandbox, invoice: Object, problem: str | None = None) -> Reply:
    parts = [error(problem), summary(sandbox, invoice), paragraph(f"This invoice is {invoice['status']}.")]
    if invoice["status"] == "open":
        fields = entry("cardNumber", "Card number"), entry("cardExpiry", "Expiry", value="12 / 34")
        parts.append(form(f"/invoice/{invoice['id']}", *fields, entry("cardCvc", "CVC", value="123"), button("Pay")))
    return page(f"Invoice {invoice['number']}", *parts)


def summary(sandbox: Sandbox, invoice: Object) -> str:
    currency = invoice["currency"]
    lines = sandbox.all("line_item", invoice=invoice["id"])
    rows = [[escape(line["description"] or ""), money(line["amount"], currency)] for line in lines]
    sums = [["Total", money(invoice["total"], currency)], ["Due", money(invoice["amount_remaining"], currency)]]
    return table(["What", "Amount"], [*rows, *sums])


def submit(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    invoice = sandbox.kinds.get("invoice", {}).get(identifier)
    if invoice is None or invoice["status"] != "open":
        return show(sandbox, values, identifier)
    method = checkout.method_for(sandbox, values.get("cardNumber", ""), Payer())
    if method is None:
        return render(sandbox, invoice, "Your card number is invalid: use one of Stripe's test cards.")
    with sandbox.on_clock_of(invoice["customer"]):
        invoicing.collect(sandbox, invoice, Presence.ON_SESSION, method["id"])
    return after_paying(sandbox, invoice)


def after_paying(sandbox: Sandbox, invoice: Object) -> Reply:
    intent = invoicing.intent_of(sandbox, invoice)
    if invoice["status"] == "paid" or intent is None:
        return redirect(f"/invoice/{invoice['id']}")
    if intent["status"] == "requires_action":
        return redirect(f"/authenticate/{intent['id']}")
    return render(sandbox, invoice, checkout.problem_of(intent))


def receipt(sandbox: Sandbox, values: dict[str, str], identifier: str) -> Reply:
    charge = sandbox.kinds.get("charge", {}).get(identifier)
    if charge is None:
        return not_found("There is no such receipt.")
    paid = money(charge["amount"], charge["currency"])
    return page("Receipt", paragraph(f"{paid} paid, {money(charge['amount_refunded'], charge['currency'])} refunded."))
