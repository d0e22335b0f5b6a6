"""Invoices, their lines and what pays them. https://docs.stripe.com/api/invoices"""

from __future__ import annotations

from quickscale_billing.testing import changing, invoicing, subscribing, waiting_items
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.invoice_lines import Draft
from quickscale_billing.testing.listing import PAGING, Page, newest_first, page
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    boolean,
    currency,
    either,
    integer,
    many,
    merge_metadata,
    metadata,
    nested,
    one_of,
    text,
)
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.periods import nth
from quickscale_billing.testing.rendering import render
from quickscale_billing.testing.resources import attaching, subscriptions
from quickscale_billing.testing.resources.payment_intents import payment_error
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Object, Sandbox
from quickscale_billing.testing.subscribing import Terms

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
    return invoicing.make(
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
        found["automatic_tax"] = invoicing.automatic_tax(params)
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


@accepts()
def delete(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    invoice = sandbox.get("invoice", identifier)
    if invoice["status"] != "draft" or invoicing.subscription_of(invoice):
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
    return invalid(message, code="invoice_payment_intent_requires_action")


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
    PAGING,
    collection_method=text,
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
        if invoicing.subscription_of(each) == params["subscription"]
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


@accepts(lines=Required(many(added_line)), invoice_metadata=metadata)
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
            invoicing.join(sandbox, invoice, waiting_items.draft_of(item))
    return invoice


def draft_of(sandbox: Sandbox, given: Params) -> Draft:
    """An invoice item or line of a price, or of an amount."""
    name = given.get("pricing", {}).get("price")
    price = sandbox.get("price", name, param="pricing[price]") if name else None
    if price is None and "amount" not in given:
        raise invalid("You must specify either `pricing` or `amount`.", param="amount", code="parameter_missing")
    if price and price["type"] != "one_time":
        raise invalid("The price specified is set to `type=recurring` but this field only accepts one-time prices.")
    quantity = given.get("quantity", 1)
    period = given.get("period", {"start": sandbox.now, "end": sandbox.now})
    product = sandbox.by_id[price["product"]]["name"] if price else ""
    return Draft(
        amount=price["unit_amount"] * quantity if price else given["amount"],
        description=given.get("description") or product,
        start=period["start"],
        end=period["end"],
        price=price["id"] if price else None,
        quantity=quantity,
        metadata=given.get("metadata", {}),
    )


@accepts(
    amount=integer,
    currency=currency,
    customer=Required(text),
    description=text,
    invoice=text,
    metadata=metadata,
    period=nested(start=Required(integer), end=Required(integer)),
    pricing=nested(price=text),
    quantity=integer,
    subscription=text,
)
def create_item(sandbox: Sandbox, params: Params) -> Object:
    """https://docs.stripe.com/api/invoiceitems/create: on a draft invoice, or waiting for the next one."""
    customer = sandbox.get("customer", params["customer"], param="customer")
    draft = draft_of(sandbox, params)
    price = sandbox.by_id.get(draft.price or "") or {}
    code = params.get("currency") or price.get("currency") or customer["currency"] or "usd"
    invoice = sandbox.get("invoice", params["invoice"], param="invoice") if "invoice" in params else None
    if invoice and invoice["status"] != "draft":
        raise invalid("This invoice is no longer editable.", param="invoice", code="invoice_not_editable")
    item = waiting_items.make(sandbox, customer, draft, currency=code, invoice=invoice["id"] if invoice else None)
    if invoice:
        with sandbox.changing(invoice, "invoice.updated"):
            invoicing.join(sandbox, invoice, waiting_items.draft_of(item))
    return item


@accepts()
def retrieve_item(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("invoiceitem", identifier)


@accepts()
def delete_item(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    item = sandbox.get("invoiceitem", identifier)
    if item["invoice"]:
        raise invalid("Invoice items that are on an invoice are deleted with it.")
    sandbox.remove(item)
    sandbox.emit("invoiceitem.deleted", item)
    return {"id": identifier, "object": "invoiceitem", "deleted": True}


@accepts(PAGING, customer=text, invoice=text, pending=boolean)
def list_waiting(sandbox: Sandbox, params: Params) -> Page:
    equal = {name: params[name] for name in ("customer", "invoice") if name in params}
    found = sandbox.all("invoiceitem", **equal)[::-1]
    if "pending" in params:
        found = [each for each in found if (each["invoice"] is None) is params["pending"]]
    return page(found, params, url="/v1/invoiceitems")


@accepts()
def retrieve_payment(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("invoice_payment", identifier)


@accepts(
    PAGING,
    invoice=text,
    payment=nested(type=Required(one_of("payment_intent")), payment_intent=text),
    status=one_of("canceled", "open", "paid"),
)
def list_payments(sandbox: Sandbox, params: Params) -> Page:
    """https://docs.stripe.com/api/invoice-payment/list"""
    equal = {name: params[name] for name in ("invoice", "status") if name in params}
    found = sandbox.all("invoice_payment", **equal)[::-1]
    if intent := params.get("payment", {}).get("payment_intent"):
        found = [each for each in found if each["payment"]["payment_intent"] == intent]
    return page(found, params, url="/v1/invoice_payments")


subscription_details = nested(
    billing_cycle_anchor=one_of("now", "unchanged"),
    cancel_now=boolean,
    items=many(subscriptions.item),
    proration_behavior=one_of("always_invoice", "create_prorations", "none"),
    proration_date=integer,
    trial_end=either("now", integer),
)


@accepts(
    customer=text,
    preview_mode=one_of("next"),
    subscription=text,
    subscription_details=subscription_details,
)
def preview(sandbox: Sandbox, params: Params) -> Object:
    """https://docs.stripe.com/api/invoices/create_preview: what would be invoiced next; nothing changes."""
    with sandbox.rehearsal():
        shown = render(sandbox, previewed(sandbox, params))
    shown.update(id=f"upcoming_{shown['id']}", number=None, hosted_invoice_url=None, invoice_pdf=None)
    for line in shown["lines"]["data"]:
        line["invoice"] = None
    return shown | {"object": "invoice", "_rendered": True}


def previewed(sandbox: Sandbox, params: Params) -> Object:
    details = params.get("subscription_details", {})
    if "subscription" in params:
        return preview_change(
            sandbox, sandbox.get("subscription", params["subscription"], param="subscription"), details
        )
    if not details.get("items") or "customer" not in params:
        raise invalid("You must pass a subscription, or a customer and subscription_details[items].")
    return preview_start(sandbox, sandbox.get("customer", params["customer"], param="customer"), details)


def preview_start(sandbox: Sandbox, customer: Object, details: Params) -> Object:
    items = [subscriptions.item_of(sandbox, each, index) for index, each in enumerate(details["items"])]
    terms = Terms(customer=customer, items=items, trial_end=subscriptions.trial_end_of(sandbox, details))
    subscription = subscribing.make(sandbox, terms)
    for each in items:
        subscribing.make_item(sandbox, subscription, each)
    return subscribing.first_invoice(sandbox, subscription)


def preview_change(sandbox: Sandbox, subscription: Object, details: Params) -> Object:
    """With `always_invoice` or a new anchor, the invoice of the change itself; else the next renewal with it."""
    change = changing.plan(sandbox, subscription, details)
    changing.apply(sandbox, subscription, change)
    customer = sandbox.by_id[subscription["customer"]]
    for draft in change.prorations:
        waiting_items.make(sandbox, customer, draft, currency=subscription["currency"])
    waiting = waiting_items.take(sandbox, subscription)
    if details and changing.costs(change):
        lines = [*waiting, *change.full_periods]
        return subscribing.invoice_lines(sandbox, subscription, lines, reason="upcoming")
    return preview_renewal(sandbox, subscription, waiting)


def preview_renewal(sandbox: Sandbox, subscription: Object, waiting: list[Draft]) -> Object:
    for item in subscribing.items_of(sandbox, subscription):
        end = item["current_period_end"]
        recurring = sandbox.by_id[item["price"]]["recurring"]
        item.update(current_period_start=end, current_period_end=nth(end, recurring, 1))
    subscription["trial_end"] = None
    return subscribing.invoice_period(sandbox, subscription, reason="upcoming", drafts=waiting)
