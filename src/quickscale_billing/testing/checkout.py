"""Checkout: what happens when a customer pays on the hosted page. https://docs.stripe.com/payments/checkout"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quickscale_billing.testing import discounts
from quickscale_billing.testing.amounts import amounts_of, spread_discount
from quickscale_billing.testing.payments import Presence, attempt, make_intent
from quickscale_billing.testing.resources import attaching, customers
from quickscale_billing.testing.sandbox import Due, Object, Sandbox


@dataclass(frozen=True)
class Payer:
    """What the customer types on the page."""

    email: str | None = None
    name: str | None = None


def compute(sandbox: Sandbox, session: Object) -> None:
    """Bring the lines and totals of the session up to date with its discount."""
    lines = sandbox.all("item", _session=session["id"])
    subtotals = [sandbox.by_id[line["price"]]["unit_amount"] * line["quantity"] for line in lines]
    coupon = discounts.coupon_of(sandbox, session["discounts"] or [])
    taxed = session["automatic_tax"]["enabled"]
    for line, subtotal, discount in zip(lines, subtotals, spread_discount(subtotals, coupon), strict=True):
        behavior = sandbox.by_id[line["price"]]["tax_behavior"]
        amounts = amounts_of(sandbox, subtotal, discount, tax_behavior=behavior, taxed=taxed)
        line.update(
            amount_subtotal=subtotal, amount_discount=discount, amount_tax=amounts.tax, amount_total=amounts.total
        )
    session["amount_subtotal"] = sum(subtotals)
    session["amount_total"] = sum(line["amount_total"] for line in lines)
    session["total_details"] = {
        "amount_discount": sum(line["amount_discount"] for line in lines),
        "amount_shipping": 0,
        "amount_tax": sum(line["amount_tax"] for line in lines),
    }


def pay(sandbox: Sandbox, session: Object, method: Object | None, payer: Payer) -> Object:
    """One press of the page's button; the session's status and its intent's say how it went."""
    session["_payer"] = payer
    if session["mode"] == "payment":
        pay_once(sandbox, session, method)
    return session


def pay_once(sandbox: Sandbox, session: Object, method: Object | None) -> None:
    customer = customer_of(sandbox, session)
    if session["amount_total"] == 0:
        complete(sandbox, session, payment_status="no_payment_required")
        return
    if method is None:
        raise ValueError("this session costs money: pay it with a card")
    intent = intent_of(sandbox, session, customer)
    intent["payment_method"] = method["id"]
    attempt(sandbox, intent, Presence.ON_SESSION)


def customer_of(sandbox: Sandbox, session: Object) -> str | None:
    """https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-customer_creation"""
    wanted = session["customer_creation"] == "always" or session["_intent"].get("setup_future_usage")
    if session["customer"] is None and wanted:
        session["customer"] = make_customer(sandbox, session)["id"]
    customer: str | None = session["customer"]
    return customer


def make_customer(sandbox: Sandbox, session: Object) -> Object:
    payer: Payer = session["_payer"]
    params = {"email": payer.email or session["customer_email"], "name": payer.name}
    return customers.create(sandbox, {name: value for name, value in params.items() if value})  # type: ignore[no-any-return]


def intent_of(sandbox: Sandbox, session: Object, customer: str | None) -> Object:
    """In payment mode the intent is made when the customer first pays, not with the session."""
    if session["payment_intent"]:
        return sandbox.by_id[session["payment_intent"]]
    fields: Object = {"payment_method_types": session["payment_method_types"], **session["_intent"]}
    intent = make_intent(
        sandbox,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=customer,
        metadata=fields.pop("metadata", {}),
        **fields,
    )
    intent["_session"] = intent["_return_url"] = None
    session["payment_intent"], intent["_session"] = intent["id"], session["id"]
    return intent


def pending_intent(sandbox: Sandbox, session: Object) -> Object:
    """What stands between the open session and its completion."""
    return sandbox.by_id[session["payment_intent"] or session["setup_intent"]]


def problem_of(intent: Object) -> str:
    error = intent.get("last_payment_error") or intent.get("last_setup_error") or {}
    return str(error.get("message", "The payment did not go through."))


def on_payment(sandbox: Sandbox, intent: Object) -> None:
    """A payment intent succeeded: if a session waits for it, it is complete."""
    session = sandbox.by_id.get(intent.get("_session") or "")
    if session and session["status"] == "open":
        complete(sandbox, session, payment_status="paid")


def complete(sandbox: Sandbox, session: Object, *, payment_status: str, **changes: Any) -> None:
    session.update(
        status="complete",
        payment_status=payment_status,
        url=None,
        customer_details=details_of(sandbox, session),
        collected_information={"business_name": None, "individual_name": None, "shipping_details": None},
        **changes,
    )
    discounts.redeem(sandbox, session["discounts"] or [])
    sandbox.emit("checkout.session.completed", session)


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
    return [(each["expires_at"], lambda each=each: expire(sandbox, each)) for each in waiting]  # type: ignore[misc]


def method_for(sandbox: Sandbox, number: str, payer: Payer) -> Object | None:
    """A payment method of the typed card; None for a number that is no test card."""
    card = attaching.cards.find(number)
    details = {"email": payer.email, "name": payer.name}
    return attaching.make_card(sandbox, card, billing_details=details) if card else None
