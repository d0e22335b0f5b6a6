"""Taking money: what a card answers to a payment intent, and the charge that comes of it.

https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Any

from quickscale_billing.testing.cards import Authentication
from quickscale_billing.testing.charging import make_charge, reason_of, receive, refuse
from quickscale_billing.testing.ids import token
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.sandbox import Due, Sandbox
from quickscale_billing.testing.store import Object


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
    if attaching.card_of(method).clears_after:
        return send_debit(sandbox, intent, method, code)
    return fail(sandbox, intent, code) if code else succeed(sandbox, intent, make_charge(sandbox, intent))


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
    return fail_charge(sandbox, intent, make_charge(sandbox, intent, failure=code), code)


def fail_charge(sandbox: Sandbox, intent: Object, charge: Object, code: str) -> Object:
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


def send_debit(sandbox: Sandbox, intent: Object, method: Object, code: str | None) -> Object:
    """https://docs.stripe.com/payments/sepa-debit: whether the money comes is known later."""
    charge = make_charge(sandbox, intent, pending=True)
    clears = sandbox.now + int((attaching.card_of(method).clears_after or timedelta()).total_seconds())
    intent.update(status="processing", latest_charge=charge["id"], last_payment_error=None)
    intent.update(_clears_at=clears, _comes_back=code)
    sandbox.emit("charge.pending", charge)
    sandbox.emit("payment_intent.processing", intent)
    return intent


def clear_debit(sandbox: Sandbox, intent: Object) -> Object:
    charge, code = sandbox.by_id[intent["latest_charge"]], intent["_comes_back"]
    if code:
        refuse(charge, code)
        return fail_charge(sandbox, intent, charge, code)
    receive(sandbox, charge)
    return succeed(sandbox, intent, charge)


def agenda(sandbox: Sandbox) -> Iterable[Due]:
    on_the_way = filter(sandbox.is_on_clock, sandbox.all("payment_intent", status="processing"))
    return [(each["_clears_at"], partial(clear_debit, sandbox, each)) for each in on_the_way]


def succeed(sandbox: Sandbox, intent: Object, charge: Object) -> Object:
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
