"""Invoices, their lines and what pays them. https://docs.stripe.com/api/invoices"""

from __future__ import annotations

from quickscale_billing.testing import invoice_drafts, invoicing, waiting_items
from quickscale_billing.testing.errors import declined, invalid
from quickscale_billing.testing.listing import DATED, PAGING, Page, newest_first, page
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    boolean,
    currency,
    integer,
    many,
    merge_metadata,
    metadata,
    nested,
    one_of,
    text,
)
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.resources import attaching, subscriptions
from quickscale_billing.testing.resources.invoice_items import draft_of
from quickscale_billing.testing.resources.payment_intents import payment_error
from quickscale_billing.testing.routing import accepts, accepts_nothing
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

WRITABLE: Fields = {
    "auto_advance": boolean,
    "automatic_tax": nested(enabled=Required(boolean)),
    "default_payment_method": text,
    "description": text,
    "footer": text,
    "metadata": metadata,
}


@accepts(
    WRITABLE,
    collection_method=one_of("charge_automatically"),
    currency=currency,
    customer=Required(text),
    pending_invoice_items_behavior=one_of("exclude", "include"),
)
def create(sandbox: Sandbox, params: Params) -> Object:
    """A one-off invoice: a draft, which waiting invoice items join if asked."""
    customer = sandbox.get("customer", params["customer"], param="customer")
    included = params.get("pending_invoice_items_behavior") == "include"
    waiting = waiting_items.pending(sandbox, customer["id"], None) if included else []
    return invoice_drafts.make(
        sandbox,
        customer,
        [waiting_items.draft_of(item) for item in waiting],
        reason="manual",
        currency=params.get("currency") or customer["currency"] or "usd",
        **{"auto_advance": False, **described(sandbox, customer, params)},
    )


def described(sandbox: Sandbox, customer: Object, params: Params) -> Object:
    found: Object = {name: params[name] for name in ("auto_advance", "description", "footer") if name in params}
    if "default_payment_method" in params:
        found["default_payment_method"] = subscriptions.method_of(sandbox, customer, params["default_payment_method"])
    if "metadata" in params:
        found["metadata"] = merge_metadata({}, params["metadata"])
    if "automatic_tax" in params:
        found["automatic_tax"] = invoice_drafts.automatic_tax(params)
    if found.get("auto_advance"):
        found["automatically_finalizes_at"] = sandbox.now + int(invoicing.DRAFT_LASTS.total_seconds())
    return found


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("invoice", identifier)


@accepts(WRITABLE)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    invoice = sandbox.get("invoice", identifier)
    frozen = params.keys() - {"auto_advance", "default_payment_method", "metadata"}
    if invoice["status"] != "draft" and frozen:
        raise invalid(f"You can't update {', '.join(sorted(frozen))} of an invoice that is {invoice['status']}.")
    with sandbox.changing(invoice, "invoice.updated"):
        current = invoice["metadata"]
        invoice.update(described(sandbox, sandbox.by_id[invoice["customer"]], params))
        if "metadata" in params:
            invoice["metadata"] = merge_metadata(current, params["metadata"])
    return invoice


@accepts_nothing
def delete(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    invoice = sandbox.get("invoice", identifier)
    if invoice["status"] != "draft" or invoice_drafts.subscription_of(invoice):
        raise invalid("You can only delete one-off draft invoices.")
    sandbox.emit("invoice.deleted", invoice)
    sandbox.remove(invoice)
    return {"id": identifier, "object": "invoice", "deleted": True}


@accepts(auto_advance=boolean)
def finalize(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    invoice = sandbox.get("invoice", identifier)
    invoice["auto_advance"] = params.get("auto_advance", invoice["auto_advance"])
    return invoicing.finalize(sandbox, invoice)


@accepts(off_session=boolean, paid_out_of_band=boolean, payment_method=text)
def pay(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    """https://docs.stripe.com/api/invoices/pay: off session unless it says otherwise; a draft is finalized first."""
    invoice = sandbox.get("invoice", identifier)
    if invoice["status"] == "draft":
        invoicing.finalize(sandbox, invoice)
    if invoice["status"] == "paid" and params.get("paid_out_of_band") is None and not invoice["attempt_count"]:
        return invoice
    if invoice["status"] not in {"open", "uncollectible"}:
        raise invalid(
            f"Invoice is already {invoice['status']}", code="invoice_not_open" if invoice["status"] != "paid" else None
        )
    if params.get("paid_out_of_band"):
        invoicing.cancel_payment(sandbox, invoice, "void_invoice")
        return invoicing.mark_paid(sandbox, invoice, off_stripe=True)
    return collect(sandbox, invoice, params)


def collect(sandbox: Sandbox, invoice: Object, params: Params) -> Object:
    presence = Presence.OFF_SESSION if params.get("off_session", True) else Presence.ON_SESSION
    given = params.get("payment_method")
    method = attaching.method(sandbox, given)["id"] if given else None
    if (method or invoicing.method_of(sandbox, invoice)) is None:
        message = (
            "Nothing to pay this invoice with: the customer has no attached payment source or default payment method."
        )
        raise invalid(message, code="resource_missing")
    invoicing.collect(sandbox, invoice, presence, method)
    if invoice["status"] != "paid":
        raise refused(sandbox, invoice)
    return invoice


def refused(sandbox: Sandbox, invoice: Object) -> Exception:
    intent = invoicing.intent_of(sandbox, invoice)
    if intent and intent["last_payment_error"]:
        return payment_error(sandbox, intent)
    message = "This payment requires additional user action before it can be completed successfully."
    return declined("invoice_payment_intent_requires_action", message)


@accepts()
def void(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    invoice = sandbox.get("invoice", identifier)
    if invoice["status"] not in {"open", "uncollectible"}:
        raise invalid(f"You can only pass in open or uncollectible invoices. This invoice isn't: {invoice['status']}.")
    return invoicing.void(sandbox, invoice)


@accepts()
def mark_uncollectible(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    invoice = sandbox.get("invoice", identifier)
    if invoice["status"] != "open":
        raise invalid(f"You can only mark an open invoice as uncollectible. This one is {invoice['status']}.")
    return invoicing.mark_uncollectible(sandbox, invoice)


@accepts(
    DATED,
    collection_method=one_of("charge_automatically", "send_invoice"),
    customer=text,
    status=one_of("draft", "open", "paid", "uncollectible", "void"),
    subscription=text,
)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    if "subscription" not in params:
        filters = ("collection_method", "customer", "status")
        return newest_first(sandbox, "invoice", params, url="/v1/invoices", filters=filters)
    equal = {name: params[name] for name in ("customer", "status") if name in params}
    found = [
        each
        for each in reversed(sandbox.all("invoice", **equal))
        if invoice_drafts.subscription_of(each) == params["subscription"]
    ]
    return page(found, params, url="/v1/invoices")


@accepts(PAGING)
def list_lines(sandbox: Sandbox, params: Params, identifier: str) -> Page:
    sandbox.get("invoice", identifier)
    return page(sandbox.all("line_item", invoice=identifier), params, url=f"/v1/invoices/{identifier}/lines")


added_line = nested(
    amount=integer,
    description=text,
    metadata=metadata,
    period=nested(start=Required(integer), end=Required(integer)),
    pricing=nested(price=text),
    quantity=integer,
)


@accepts(lines=Required(many(added_line)))
def add_lines(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    """https://docs.stripe.com/api/invoices/add-lines"""
    invoice = sandbox.get("invoice", identifier)
    if invoice["status"] != "draft":
        raise invalid(f"You can only add lines to a draft invoice. This one is {invoice['status']}.")
    customer = sandbox.by_id[invoice["customer"]]
    with sandbox.changing(invoice, "invoice.updated"):
        for given in params["lines"]:
            draft = draft_of(sandbox, given)
            item = waiting_items.make(sandbox, customer, draft, currency=invoice["currency"], invoice=invoice["id"])
            invoice_drafts.join(sandbox, invoice, waiting_items.draft_of(item))
    return invoice
