"""The lines of an invoice, before and after they are on one. https://docs.stripe.com/api/invoice-line-item/object"""

from __future__ import annotations

from dataclasses import dataclass, field

from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A line to be; `credited` names the invoice and the lines whose money a proration gives back."""

    amount: int
    description: str
    start: int
    end: int
    price: str | None = None
    quantity: int = 1
    subscription: str | None = None
    subscription_item: str | None = None
    invoice_item: str | None = None
    proration: bool = False
    credited: Object | None = None
    metadata: Object = field(default_factory=dict)


def put(sandbox: Sandbox, invoice: Object, draft: Draft) -> Object:
    return sandbox.create(
        "line_item",
        "il",
        amount=draft.amount,
        currency=invoice["currency"],
        description=draft.description,
        discount_amounts=[],
        discountable=not draft.proration,
        discounts=[],
        invoice=invoice["id"],
        metadata=draft.metadata,
        parent=parent(draft),
        period={"start": draft.start, "end": draft.end},
        pretax_credit_amounts=[],
        pricing=pricing(sandbox, draft),
        quantity=draft.quantity,
        quantity_decimal=str(draft.quantity),
        subscription=draft.subscription,
        subtotal=draft.amount,
        taxes=[],
    )


def parent(draft: Draft) -> Object:
    """https://docs.stripe.com/api/invoices/create_preview: a proration of a subscription is a line whose
    `parent.subscription_item_details.proration` is true; it has an invoice item as well."""
    details: Object = {
        "invoice_item": draft.invoice_item,
        "proration": draft.proration,
        "proration_details": {"credited_items": draft.credited},
        "subscription": draft.subscription,
    }
    if draft.subscription_item:
        details["subscription_item"] = draft.subscription_item
        kind = "subscription_item_details"
    else:
        kind = "invoice_item_details"
    empty = {"invoice_item_details": None, "subscription_item_details": None}
    return {**empty, "type": kind, kind: details}


def pricing(sandbox: Sandbox, draft: Draft) -> Object | None:
    if draft.price is None:
        return None
    price = sandbox.by_id[draft.price]
    details = {"price": price["id"], "product": price["product"]}
    return {"type": "price_details", "price_details": details, "unit_amount_decimal": price["unit_amount_decimal"]}


def price_of(line: Object) -> str | None:
    price: str | None = line["pricing"] and line["pricing"]["price_details"]["price"]
    return price


def is_proration(line: Object) -> bool:
    return bool(line["parent"][line["parent"]["type"]]["proration"])
