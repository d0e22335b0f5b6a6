"""Checkout: what happens when a customer pays on the hosted page. https://docs.stripe.com/payments/checkout"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from quickscale_billing.testing import (
    cards,
    discounts,
    invoice_drafts,
    invoicing,
    saving,
    subscribing,
    tax_rates,
    waiting_items,
)
from quickscale_billing.testing.amounts import amounts_of, spread_discount
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.invoice_lines import Draft
from quickscale_billing.testing.payments import Presence, attempt, make_intent
from quickscale_billing.testing.resources import attaching, customers
from quickscale_billing.testing.sandbox import Due, Sandbox
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.subscribing import Item, Terms


@dataclass(frozen=True)
class Payer:
    """What the customer types on the page."""

    email: str | None = None
    name: str | None = None


def compute(sandbox: Sandbox, session: Object) -> None:
    """Bring the lines and totals of the session up to date with its discount: what is due today."""
    lines = sandbox.all("item", _session=session["id"])
    subtotals = [subtotal_of(sandbox, session, line) for line in lines]
    coupon = discounts.coupon_of(sandbox, session["discounts"] or [])
    taxed = session["automatic_tax"]["enabled"]
    for line, subtotal, discount in zip(lines, subtotals, spread_discount(subtotals, coupon), strict=True):
        behavior = sandbox.by_id[line["price"]]["tax_behavior"]
        amounts = amounts_of(sandbox, subtotal, discount, tax_behavior=behavior, taxed=taxed)
        line.update(
            amount_subtotal=subtotal,
            amount_discount=discount,
            amount_tax=amounts.tax,
            amount_total=amounts.total,
            _taxes=tax_rates.on_session(sandbox, amounts),
        )
    session["amount_subtotal"] = sum(subtotals)
    session["amount_total"] = sum(line["amount_total"] for line in lines)
    session["_taxes"] = tax_rates.added_up(lines, of="_taxes")
    session["total_details"] = {
        "amount_discount": sum(line["amount_discount"] for line in lines),
        "amount_shipping": 0,
        "amount_tax": sum(line["amount_tax"] for line in lines),
    }


def subtotal_of(sandbox: Sandbox, session: Object, line: Object) -> int:
    price = sandbox.by_id[line["price"]]
    if price["type"] == "recurring" and has_trial(session):
        return 0
    return int(price["unit_amount"] * line["quantity"])


def has_trial(session: Object) -> bool:
    return bool({"trial_end", "trial_period_days"} & session["_subscription"].keys())


def pay(sandbox: Sandbox, session: Object, method: Object | None, payer: Payer) -> Object:
    """One press of the page's button; the session's status and its intent's say how it went."""
    session["_payer"] = payer
    if method and method["type"] not in session["payment_method_types"]:
        raise invalid(f"This session does not take {method['type']}.", param="payment_method_types")
    customer = customer_of(sandbox, session)
    due = due_today(sandbox, session, customer)
    if session["mode"] == "setup" or (session["mode"] == "subscription" and method and not due):
        return save_first(sandbox, session, customer, method)
    if not due:
        return finish(sandbox, session, None)
    if method is None:
        raise ValueError("this session costs money: pay it with a card")
    intent = intent_of(sandbox, session, customer)
    intent.update(amount=due, payment_method=method["id"])
    attempt(sandbox, intent, Presence.ON_SESSION)
    return session


def due_today(sandbox: Sandbox, session: Object, customer: str | None) -> int:
    """https://docs.stripe.com/billing/customer/balance: it pays, or adds to, the first invoice of a subscription."""
    balance = sandbox.by_id[customer]["balance"] if customer and session["mode"] == "subscription" else 0
    return max(0, (session["amount_total"] or 0) + (balance if session["amount_total"] else 0))


def save_first(sandbox: Sandbox, session: Object, customer: str | None, method: Object | None) -> Object:
    """Nothing is due today: the card is kept for later."""
    if method is None:
        raise ValueError("this session keeps a card: give one")
    intent = sandbox.by_id.get(session["_saving"] or session["setup_intent"] or "")
    if intent is None:
        intent = saving.make_intent(sandbox, customer=customer, metadata={})
        session["_saving"] = intent["id"]
    intent.update(customer=customer, payment_method=method["id"], _session=session["id"])
    saving.attempt(sandbox, intent, Presence.ON_SESSION)
    return session


def customer_of(sandbox: Sandbox, session: Object) -> str | None:
    """https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-customer_creation"""
    wanted = session["customer_creation"] == "always" or session["_intent"].get("setup_future_usage")
    if session["customer"] is None and (wanted or session["mode"] == "subscription"):
        session["customer"] = make_customer(sandbox, session)["id"]
    customer: str | None = session["customer"]
    return customer


def make_customer(sandbox: Sandbox, session: Object) -> Object:
    payer: Payer = session["_payer"]
    params = {"email": payer.email or session["customer_email"], "name": payer.name}
    made: Object = customers.create(sandbox, {name: value for name, value in params.items() if value})
    return made


def intent_of(sandbox: Sandbox, session: Object, customer: str | None) -> Object:
    """The intent is made when the customer first pays, not with the session. In subscription mode it becomes the
    payment of the first invoice, which is made when the money has come: our reading."""
    if found := sandbox.by_id.get(session["_paying"] or ""):
        return found
    fields: Object = {"payment_method_types": session["payment_method_types"], **session["_intent"]}
    if session["mode"] == "subscription":
        fields |= {"setup_future_usage": "off_session", "description": "Subscription creation"}
    intent = make_intent(
        sandbox,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=customer,
        metadata=fields.pop("metadata", {}),
        **fields,
    )
    session["_paying"], intent["_session"] = intent["id"], session["id"]
    if session["mode"] == "payment":
        session["payment_intent"] = intent["id"]
    return intent


def pending_intent(sandbox: Sandbox, session: Object) -> Object:
    """What stands between the open session and its completion."""
    return sandbox.by_id[session["_paying"] or session["_saving"] or session["setup_intent"]]


def problem_of(intent: Object) -> str:
    error = intent.get("last_payment_error") or intent.get("last_setup_error") or {}
    return str(error.get("message", "The payment did not go through."))


def on_payment(sandbox: Sandbox, intent: Object) -> None:
    """A payment or setup intent succeeded: if a session waits for it, it is complete."""
    session = sandbox.by_id.get(intent.get("_session") or "")
    if session and session["status"] == "open":
        finish(sandbox, session, intent)
    elif session and session["payment_status"] == "unpaid":
        session["payment_status"] = "paid"
        sandbox.emit("checkout.session.async_payment_succeeded", session)


def on_debit(sandbox: Sandbox, intent: Object) -> None:
    """https://docs.stripe.com/checkout/fulfillment#delayed-notification: complete, but not paid yet."""
    if session := sandbox.by_id.get(intent.get("_session") or ""):
        complete(sandbox, session, payment_status="unpaid")


def on_failure(sandbox: Sandbox, intent: Object) -> None:
    session = sandbox.by_id.get(intent.get("_session") or "")
    if session and session["status"] == "complete":
        sandbox.emit("checkout.session.async_payment_failed", session)


def finish(sandbox: Sandbox, session: Object, intent: Object | None) -> Object:
    if session["mode"] == "subscription":
        begin(sandbox, session, intent)
    elif session["mode"] == "payment" and session["invoice_creation"]["enabled"]:
        session["invoice"] = invoice_once(sandbox, session, intent)["id"]
    return complete(sandbox, session, payment_status="paid" if session["amount_total"] else "no_payment_required")


def begin(sandbox: Sandbox, session: Object, intent: Object | None) -> None:
    """The subscription of the session, with the card it was paid with, and its first invoice, paid."""
    method = intent and intent["payment_method"]
    data = session["_subscription"]
    more = {"default_payment_method": method, "metadata": dict(data.get("metadata", {}))}
    more |= {name: data[name] for name in ("description", "trial_settings") if name in data}
    more["automatic_tax"] = {
        "disabled_reason": None,
        "enabled": session["automatic_tax"]["enabled"],
        "liability": session["automatic_tax"]["liability"],
    }
    terms = Terms(
        customer=sandbox.by_id[session["customer"]],
        items=[item_of(sandbox, line) for line in sandbox.all("item", _session=session["id"])],
        trial_end=trial_end_of(sandbox, data),
        discounts=session["discounts"] or [],
        more=more,
    )
    paid_by = intent if intent and intent["object"] == "payment_intent" else None
    subscription = subscribing.start(sandbox, terms, paid_by=paid_by)
    session.update(subscription=subscription["id"], invoice=subscription["latest_invoice"])


def item_of(sandbox: Sandbox, line: Object) -> Item:
    return Item(price=sandbox.by_id[line["price"]], quantity=line["quantity"])


def trial_end_of(sandbox: Sandbox, data: Object) -> int | None:
    if days := data.get("trial_period_days"):
        return int(sandbox.now + timedelta(days=days).total_seconds())
    return data.get("trial_end")


def invoice_once(sandbox: Sandbox, session: Object, intent: Object | None) -> Object:
    """https://docs.stripe.com/payments/checkout/receipts#paid-invoices"""
    customer = sandbox.by_id[session["customer"]]
    resolved, currency = session["discounts"] or [], session["currency"]
    drafts = [line_of(sandbox, line) for line in sandbox.all("item", _session=session["id"])]
    items = [waiting_items.make(sandbox, customer, draft, currency=currency) for draft in drafts]
    invoice = invoice_drafts.make(
        sandbox,
        customer,
        [waiting_items.draft_of(item) for item in items],
        reason="manual",
        currency=session["currency"],
        automatic_tax=invoice_drafts.automatic_tax({"automatic_tax": session["automatic_tax"]}),
        discounts=discounts.make(sandbox, resolved, customer=customer["id"], subscription=None),
        metadata=dict(session["invoice_creation"]["invoice_data"]["metadata"]),
    )
    invoicing.finalize(sandbox, invoice, paid_by=intent)
    return invoice


def line_of(sandbox: Sandbox, line: Object) -> Draft:
    price = sandbox.by_id[line["price"]]
    return Draft(
        amount=price["unit_amount"] * line["quantity"],
        description=line["description"],
        start=sandbox.now,
        end=sandbox.now,
        price=price["id"],
        quantity=line["quantity"],
    )


def complete(sandbox: Sandbox, session: Object, *, payment_status: str) -> Object:
    session.update(
        status="complete",
        payment_status=payment_status,
        url=None,
        customer_details=details_of(sandbox, session),
        collected_information={"business_name": None, "individual_name": None, "shipping_details": None},
    )
    rename_customer(sandbox, session)
    if session["mode"] == "payment":
        discounts.redeem(sandbox, session["discounts"] or [])
    sandbox.emit("checkout.session.completed", session)
    return session


def rename_customer(sandbox: Sandbox, session: Object) -> None:
    """https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-customer_update"""
    customer, payer = sandbox.by_id.get(session["customer"] or ""), session["_payer"]
    if customer and payer.name and session["_customer_update"].get("name") == "auto":
        with sandbox.changing(customer, "customer.updated"):
            customer["name"] = payer.name


def details_of(sandbox: Sandbox, session: Object) -> Object:
    payer: Payer = session["_payer"]
    customer = sandbox.by_id.get(session["customer"] or "") or {}
    return {
        "address": customer.get("address") or dict.fromkeys(customers.ADDRESS_LINES),
        "business_name": None,
        "email": customer.get("email") or payer.email or session["customer_email"],
        "individual_name": None,
        "name": customer.get("name") or payer.name,
        "phone": customer.get("phone"),
        "tax_exempt": "none",
        "tax_ids": [],
    }


def expire(sandbox: Sandbox, session: Object) -> None:
    session.update(status="expired", url=None)
    sandbox.emit("checkout.session.expired", session)


def agenda(sandbox: Sandbox) -> list[Due]:
    """https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at"""
    waiting = [each for each in sandbox.all("checkout.session", status="open") if sandbox.is_on_clock(each)]
    return [(each["expires_at"], partial(expire, sandbox, each)) for each in waiting]


def method_for(sandbox: Sandbox, number: str, payer: Payer) -> Object | None:
    """A payment method of the typed card; None for a number that is no test card."""
    card = cards.find(number)
    details = {"email": payer.email, "name": payer.name}
    return attaching.make_card(sandbox, card, billing_details=details) if card else None
