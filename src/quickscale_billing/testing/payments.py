"""Taking money: what a card answers to a payment intent, and the charge that comes of it.

https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any

from quickscale_billing.testing import cards
from quickscale_billing.testing.amounts import rounded
from quickscale_billing.testing.cards import Authentication, Card
from quickscale_billing.testing.ids import token
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.sandbox import Object, Sandbox

# Stripe's price list differs by country and contract: this is the one for cards in the US, so our reading.
FEE_PERCENT, FEE_FIXED = Decimal("2.9"), 30


class Presence(Enum):
    ON_SESSION = "on_session"
    OFF_SESSION = "off_session"
    AUTHENTICATED = "authenticated"


def make_intent(
    sandbox: Sandbox, *, amount: int, currency: str, customer: str | None, metadata: Object, **fields: Any
) -> Object:
    intent = sandbox.create(
        "payment_intent",
        "pi",
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application=None,
        application_fee_amount=None,
        automatic_payment_methods=None,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic",
        client_secret=None,
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        customer_account=None,
        description=None,
        last_payment_error=None,
        latest_charge=None,
        metadata=metadata,
        next_action=None,
        on_behalf_of=None,
        payment_method=None,
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        processing=None,
        receipt_email=None,
        review=None,
        setup_future_usage=None,
        shipping=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status="requires_payment_method",
        transfer_data=None,
        transfer_group=None,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{token(intent['id'], 24)}"
    intent.update(fields)
    if intent["payment_method"]:
        intent["status"] = "requires_confirmation"
    sandbox.emit("payment_intent.created", intent)
    return intent


def attempt(sandbox: Sandbox, intent: Object, presence: Presence) -> Object:
    """Ask the card once. The intent's status says how it went."""
    method = sandbox.by_id[intent["payment_method"]]
    intent["next_action"] = None
    code = decline_of(sandbox, intent, method)
    if code is None and wants_authentication(method, presence):
        if presence is Presence.OFF_SESSION:
            return fail(sandbox, intent, "authentication_required")
        return challenge(sandbox, intent)
    return fail(sandbox, intent, code) if code else succeed(sandbox, intent)


def decline_of(sandbox: Sandbox, intent: Object, method: Object) -> str | None:
    """What was asked to go wrong comes before what the card does by itself."""
    for customer in (intent["customer"], None):
        waiting = sandbox.conduct.declines.get(customer)
        if waiting:
            return waiting.pop(0)
    return attaching.card_of(method).decline


def wants_authentication(method: Object, presence: Presence) -> bool:
    """https://docs.stripe.com/testing#regulatory-cards"""
    if presence is Presence.AUTHENTICATED:
        return False
    kind = attaching.card_of(method).authentication
    if kind is Authentication.UNLESS_SET_UP and presence is Presence.OFF_SESSION:
        return not method["_set_up"]
    return kind is not Authentication.NONE


def challenge(sandbox: Sandbox, intent: Object) -> Object:
    with_page = {"url": f"{sandbox.address}/authenticate/{intent['id']}", "return_url": intent.get("_return_url")}
    intent.update(status="requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": with_page})
    sandbox.emit("payment_intent.requires_action", intent)
    return intent


def fail(sandbox: Sandbox, intent: Object, code: str) -> Object:
    """Back to `requires_payment_method`, with the failed charge and the error kept."""
    charge = make_charge(sandbox, intent, failure=code)
    error = error_object(sandbox, intent, charge, code)
    intent.update(
        status="requires_payment_method", last_payment_error=error, latest_charge=charge["id"], next_action=None
    )
    intent["_failed_method"], intent["payment_method"] = intent["payment_method"], None
    sandbox.emit("charge.failed", charge)
    sandbox.emit("payment_intent.payment_failed", intent)
    return intent


def error_object(sandbox: Sandbox, intent: Object, charge: Object | None, code: str) -> Object:
    reason = reason_of(code)
    method = sandbox.by_id[intent["payment_method"]]
    return {
        "type": "card_error",
        "code": reason.code,
        "decline_code": reason.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{reason.code.replace('_', '-')}",
        "message": reason.message,
        "payment_method": public_method(method),
    } | ({"charge": charge["id"]} if charge else {})


def public_method(method: Object) -> Object:
    return {name: value for name, value in method.items() if not name.startswith("_")}


def reason_of(code: str) -> cards.Decline:
    if code == "authentication_required":
        message = "Your card was declined. This transaction requires authentication."
        return cards.Decline("authentication_required", message, "authentication_required")
    return cards.DECLINES.get(code, cards.GENERIC)


def fail_authentication(sandbox: Sandbox, intent: Object) -> Object:
    """The customer did not pass the challenge: no charge is made."""
    message = (
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    )
    code = "payment_intent_authentication_failure"
    method = public_method(sandbox.by_id[intent["payment_method"]])
    error = {"type": "invalid_request_error", "code": code, "message": message, "payment_method": method}
    intent.update(status="requires_payment_method", last_payment_error=error, next_action=None, payment_method=None)
    sandbox.emit("payment_intent.payment_failed", intent)
    return intent


def succeed(sandbox: Sandbox, intent: Object) -> Object:
    charge = make_charge(sandbox, intent)
    method = sandbox.by_id[intent["payment_method"]]
    intent.update(
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        last_payment_error=None,
        next_action=None,
        processing=None,
    )
    save_method(sandbox, intent, method)
    sandbox.emit("charge.succeeded", charge)
    sandbox.emit("payment_intent.succeeded", intent)
    return intent


def save_method(sandbox: Sandbox, intent: Object, method: Object) -> None:
    """https://docs.stripe.com/payments/save-during-payment"""
    customer = sandbox.by_id.get(intent["customer"] or "")
    if intent["setup_future_usage"] == "off_session":
        method["_set_up"] = True
    if intent["setup_future_usage"] and customer and method["customer"] is None:
        attaching.bind(sandbox, method, customer)


def make_charge(sandbox: Sandbox, intent: Object, *, failure: str | None = None) -> Object:
    method = sandbox.by_id[intent["payment_method"]]
    card, reason = attaching.card_of(method), reason_of(failure) if failure else None
    charge = sandbox.create(
        "charge",
        "ch",
        amount=intent["amount"],
        amount_captured=0 if failure else intent["amount"],
        amount_refunded=0,
        application=None,
        application_fee=None,
        application_fee_amount=None,
        balance_transaction=None,
        billing_details=method["billing_details"],
        calculated_statement_descriptor="SIMULATED",
        captured=not failure,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_balance_transaction=None,
        failure_code=reason and reason.code,
        failure_message=reason and reason.message,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        on_behalf_of=None,
        outcome=outcome(reason),
        paid=not failure,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": "card", "card": charged_card(method, card)},
        receipt_email=intent["receipt_email"],
        receipt_number=None,
        receipt_url=None,
        refunded=False,
        review=None,
        shipping=None,
        source_transfer=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status="failed" if failure else "succeeded",
        transfer_data=None,
        transfer_group=None,
    )
    if not failure:
        charge["receipt_url"] = f"{sandbox.address}/receipt/{charge['id']}"
        charge["balance_transaction"] = book(sandbox, charge, charge["amount"], kind="charge", fee=fee_of(charge))["id"]
    return charge


def charged_card(method: Object, card: Card) -> Object:
    kept = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status")
    return {name: method["card"][name] for name in kept} | {
        "amount_authorized": None,
        "checks": method["card"]["checks"],
        "installments": None,
        "mandate": None,
        "network": card.brand,
        "three_d_secure": None,
        "wallet": None,
    }


def outcome(reason: cards.Decline | None) -> Object:
    return {
        "advice_code": "try_again_later" if reason else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if reason else "approved_by_network",
        "reason": reason and reason.decline_code,
        "risk_level": "normal",
        "risk_score": 5,
        "seller_message": "The bank did not return any further details." if reason else "Payment complete.",
        "type": "issuer_declined" if reason else "authorized",
    }


def fee_of(charge: Object) -> int:
    return rounded(Decimal(charge["amount"]) * FEE_PERCENT / 100) + FEE_FIXED


def book(sandbox: Sandbox, source: Object, amount: int, *, kind: str, fee: int = 0) -> Object:
    """A line of our balance at Stripe. https://docs.stripe.com/api/balance_transactions"""
    shown = {"amount": fee, "application": None, "currency": source["currency"], "type": "stripe_fee"}
    return sandbox.create(
        "balance_transaction",
        "txn",
        amount=amount,
        available_on=sandbox.now,
        balance_type="payments",
        currency=source["currency"],
        description=source.get("description"),
        exchange_rate=None,
        fee=fee,
        fee_details=[{**shown, "description": "Stripe processing fees"}] if fee else [],
        net=amount - fee,
        reporting_category={"adjustment": "dispute"}.get(kind, kind),
        source=source["id"],
        status="available",
        type=kind,
    )
