"""What would be invoiced next. https://docs.stripe.com/api/invoices/create_preview"""

from __future__ import annotations

from quickscale_billing.testing import changing, subscribing, waiting_items
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.invoice_lines import Draft
from quickscale_billing.testing.parameters import Params, either, integer, many, nested, one_of, text
from quickscale_billing.testing.periods import nth
from quickscale_billing.testing.rendering import render
from quickscale_billing.testing.resources import subscriptions
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.subscribing import Terms

subscription_details = nested(
    billing_cycle_anchor=one_of("now", "unchanged"),
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
def create(sandbox: Sandbox, params: Params) -> Object:
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
