"""Setup intents. https://docs.stripe.com/api/setup_intents"""

from __future__ import annotations

from http import HTTPStatus

from quickscale_billing.testing import saving
from quickscale_billing.testing.errors import StripeError, invalid
from quickscale_billing.testing.listing import DATED, Page, newest_first
from quickscale_billing.testing.parameters import (
    Params,
    boolean,
    many,
    merge_metadata,
    metadata,
    one_of,
    text,
)
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.rendering import render
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts(
    confirm=boolean,
    customer=text,
    description=text,
    metadata=metadata,
    payment_method=text,
    payment_method_types=many(one_of("card")),
    return_url=text,
    usage=one_of("off_session"),
)
def create(sandbox: Sandbox, params: Params) -> Object:
    customer = params.get("customer")
    if customer:
        sandbox.get("customer", customer, param="customer")
    metadata = merge_metadata({}, params.get("metadata", {}))
    intent = saving.make_intent(sandbox, customer=customer, metadata=metadata, description=params.get("description"))
    take_method(sandbox, intent, params)
    return confirm_intent(sandbox, intent) if params.get("confirm") else intent


def take_method(sandbox: Sandbox, intent: Object, params: Params) -> None:
    intent["_return_url"] = params.get("return_url")
    if params.get("payment_method"):
        intent["payment_method"] = attaching.method(sandbox, params["payment_method"])["id"]
        intent["status"] = "requires_confirmation"


@accepts(payment_method=text, return_url=text)
def confirm(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    intent = sandbox.get("setup_intent", identifier)
    take_method(sandbox, intent, params)
    return confirm_intent(sandbox, intent)


def confirm_intent(sandbox: Sandbox, intent: Object) -> Object:
    if intent["payment_method"] is None or intent["status"] == "succeeded":
        message = f"You cannot confirm this SetupIntent because it has a status of {intent['status']}."
        raise invalid(message, code="setup_intent_unexpected_state")
    saving.attempt(sandbox, intent, Presence.ON_SESSION)
    if intent["last_setup_error"]:
        raise error_of(sandbox, intent)
    return intent


def error_of(sandbox: Sandbox, intent: Object) -> StripeError:
    error = dict(intent["last_setup_error"])
    kind, message = error.pop("type"), error.pop("message")
    return StripeError(HTTPStatus.PAYMENT_REQUIRED, kind, message, **error, setup_intent=render(sandbox, intent))


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("setup_intent", identifier)


@accepts(DATED, customer=text, payment_method=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    filters = ("customer", "payment_method")
    return newest_first(sandbox, "setup_intent", params, url="/v1/setup_intents", filters=filters)
