"""Payment intents. https://docs.stripe.com/api/payment_intents"""

from __future__ import annotations

from http import HTTPStatus

from quickscale_billing.testing.errors import StripeError, invalid
from quickscale_billing.testing.listing import DATED, Page, newest_first
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    boolean,
    currency,
    many,
    merge_metadata,
    metadata,
    nested,
    one_of,
    positive,
    text,
)
from quickscale_billing.testing.payments import Presence, attempt, make_intent
from quickscale_billing.testing.rendering import render
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

CONFIRMING: Fields = {
    "error_on_requires_action": boolean,
    "off_session": boolean,
    "payment_method": text,
    "receipt_email": text,
    "return_url": text,
    "setup_future_usage": one_of("off_session", "on_session"),
}
WRITABLE: Fields = {
    "description": text,
    "metadata": metadata,
    "payment_method": text,
    "receipt_email": text,
    "setup_future_usage": one_of("off_session", "on_session"),
}
CONFIRMABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}


@accepts(
    {**WRITABLE, **CONFIRMING},
    amount=Required(positive),
    automatic_payment_methods=nested(enabled=Required(boolean), allow_redirects=one_of("always", "never")),
    confirm=boolean,
    currency=Required(currency),
    customer=text,
    payment_method_types=many(one_of("card")),
)
def create(sandbox: Sandbox, params: Params) -> Object:
    if customer := params.get("customer"):
        sandbox.get("customer", customer, param="customer")
    kept = ("description", "receipt_email", "setup_future_usage", "automatic_payment_methods", "payment_method_types")
    intent = make_intent(
        sandbox,
        amount=params["amount"],
        currency=params["currency"],
        customer=params.get("customer"),
        metadata=merge_metadata({}, params.get("metadata", {})),
        **{name: params[name] for name in kept if name in params},
    )
    take_method(sandbox, intent, params)
    return confirm_intent(sandbox, intent, params) if params.get("confirm") else intent


def take_method(sandbox: Sandbox, intent: Object, params: Params) -> None:
    if not params.get("payment_method"):
        return
    method = attaching.method(sandbox, params["payment_method"])
    if method["customer"] and method["customer"] != intent["customer"]:
        message = "The provided PaymentMethod belongs to another customer or cannot be used with this PaymentIntent."
        raise invalid(message, param="payment_method", code="payment_method_unexpected_state")
    intent["payment_method"] = method["id"]
    if intent["status"] == "requires_payment_method":
        intent["status"] = "requires_confirmation"


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("payment_intent", identifier)


@accepts(WRITABLE)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    intent = sandbox.get("payment_intent", identifier)
    plain = WRITABLE.keys() - {"metadata", "payment_method"}
    intent.update({name: value for name, value in params.items() if name in plain})
    if "metadata" in params:
        intent["metadata"] = merge_metadata(intent["metadata"], params["metadata"])
    take_method(sandbox, intent, params)
    return intent


@accepts(CONFIRMING)
def confirm(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    intent = sandbox.get("payment_intent", identifier)
    take_method(sandbox, intent, params)
    return confirm_intent(sandbox, intent, params)


def confirm_intent(sandbox: Sandbox, intent: Object, params: Params) -> Object:
    refuse_unless(sandbox, intent, CONFIRMABLE, verb="confirm")
    if intent["payment_method"] is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise unexpected_state(sandbox, intent, message)
    intent["_return_url"] = params.get("return_url")
    off_session = params.get("off_session") or params.get("error_on_requires_action")
    attempt(sandbox, intent, Presence.OFF_SESSION if off_session else Presence.ON_SESSION)
    if intent["status"] == "requires_payment_method":
        raise payment_error(sandbox, intent)
    return intent


def payment_error(sandbox: Sandbox, intent: Object) -> StripeError:
    """The error of a declined payment, which carries the intent."""
    error = dict(intent["last_payment_error"])
    kind, message = error.pop("type"), error.pop("message")
    del error["doc_url"]
    return StripeError(HTTPStatus.PAYMENT_REQUIRED, kind, message, **error, payment_intent=render(sandbox, intent))


@accepts(cancellation_reason=one_of("duplicate", "fraudulent", "requested_by_customer", "abandoned"))
def cancel(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    intent = sandbox.get("payment_intent", identifier)
    refuse_unless(sandbox, intent, CONFIRMABLE, verb="cancel")
    intent.update(
        status="canceled",
        canceled_at=sandbox.now,
        cancellation_reason=params.get("cancellation_reason"),
        next_action=None,
    )
    sandbox.emit("payment_intent.canceled", intent)
    return intent


def refuse_unless(sandbox: Sandbox, intent: Object, states: set[str], *, verb: str) -> None:
    if intent["status"] not in states:
        message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
        raise unexpected_state(sandbox, intent, message)


def unexpected_state(sandbox: Sandbox, intent: Object, message: str) -> StripeError:
    details = {"code": "payment_intent_unexpected_state", "payment_intent": render(sandbox, intent)}
    return StripeError(HTTPStatus.BAD_REQUEST, "invalid_request_error", message, **details)


@accepts(DATED, customer=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "payment_intent", params, url="/v1/payment_intents", filters=("customer",))
