"""Invoice items that wait for the next invoice. https://docs.stripe.com/api/invoiceitems"""

from __future__ import annotations

from dataclasses import replace

from quickscale_billing.testing.invoice_lines import Draft, pricing
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


def make(sandbox: Sandbox, customer: Object, draft: Draft, *, currency: str, invoice: str | None = None) -> Object:
    details = {"subscription": draft.subscription} | (
        {"subscription_item": draft.subscription_item} if draft.subscription_item else {}
    )
    item = sandbox.create(
        "invoiceitem",
        "ii",
        amount=draft.amount,
        currency=currency,
        customer=customer["id"],
        customer_account=None,
        date=sandbox.now,
        description=draft.description,
        discountable=not draft.proration,
        discounts=[],
        invoice=invoice,
        metadata=draft.metadata,
        net_amount=draft.amount,
        parent={"type": "subscription_details", "subscription_details": details} if draft.subscription else None,
        period={"start": draft.start, "end": draft.end},
        pricing=pricing(sandbox, draft),
        proration=draft.proration,
        quantity=draft.quantity,
        quantity_decimal=str(draft.quantity),
        tax_rates=[],
        test_clock=customer["test_clock"],
        _draft=draft,
    )
    sandbox.emit("invoiceitem.created", item)
    return item


def draft_of(item: Object) -> Draft:
    """The item as a line of an invoice."""
    draft: Draft = item["_draft"]
    return replace(draft, invoice_item=item["id"])


def pending(sandbox: Sandbox, customer: str, subscription: str | None) -> list[Object]:
    waiting = sandbox.all("invoiceitem", customer=customer, invoice=None)
    return [each for each in waiting if each["_draft"].subscription in {None, subscription}]


def take(sandbox: Sandbox, subscription: Object) -> list[Draft]:
    """What waits for this subscription's next invoice, or for any of its customer."""
    return [draft_of(item) for item in pending(sandbox, subscription["customer"], subscription["id"])]


def settle(sandbox: Sandbox, invoice: Object) -> None:
    """The items that became lines of the invoice name it."""
    for line in sandbox.all("line_item", invoice=invoice["id"]):
        details = line["parent"][line["parent"]["type"]]
        if item := sandbox.by_id.get(details["invoice_item"] or ""):
            item["invoice"] = invoice["id"]
