"""Invoice items: what joins an invoice, or waits for the next one. https://docs.stripe.com/api/invoiceitems"""

from __future__ import annotations

from dataclasses import replace

from quickscale_billing.testing import invoice_drafts, waiting_items
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.invoice_lines import Draft
from quickscale_billing.testing.listing import DATED, Page, page
from quickscale_billing.testing.parameters import (
    Params,
    Required,
    boolean,
    currency,
    integer,
    metadata,
    nested,
    text,
)
from quickscale_billing.testing.routing import accepts, accepts_nothing
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


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
def create(sandbox: Sandbox, params: Params) -> Object:
    """https://docs.stripe.com/api/invoiceitems/create: on a draft invoice, or waiting for the next one."""
    customer = sandbox.get("customer", params["customer"], param="customer")
    draft = draft_of(sandbox, params)
    if "subscription" in params:
        subscription = sandbox.get("subscription", params["subscription"], param="subscription")
        draft = replace(draft, subscription=subscription["id"])
    price = sandbox.by_id.get(draft.price or "") or {}
    code = params.get("currency") or price.get("currency") or customer["currency"] or "usd"
    invoice = sandbox.get("invoice", params["invoice"], param="invoice") if "invoice" in params else None
    if invoice and invoice["status"] != "draft":
        raise invalid("This invoice is no longer editable.", param="invoice", code="invoice_not_editable")
    item = waiting_items.make(sandbox, customer, draft, currency=code, invoice=invoice["id"] if invoice else None)
    if invoice:
        with sandbox.changing(invoice, "invoice.updated"):
            invoice_drafts.join(sandbox, invoice, waiting_items.draft_of(item))
    return item


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("invoiceitem", identifier)


@accepts_nothing
def delete(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    item = sandbox.get("invoiceitem", identifier)
    if item["invoice"]:
        raise invalid("Invoice items that are on an invoice are deleted with it.")
    sandbox.remove(item)
    sandbox.emit("invoiceitem.deleted", item)
    return {"id": identifier, "object": "invoiceitem", "deleted": True}


@accepts(DATED, customer=text, invoice=text, pending=boolean)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    equal = {name: params[name] for name in ("customer", "invoice") if name in params}
    found = sandbox.all("invoiceitem", **equal)[::-1]
    if "pending" in params:
        found = [each for each in found if (each["invoice"] is None) is params["pending"]]
    return page(found, params, url="/v1/invoiceitems")


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
