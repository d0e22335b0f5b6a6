"""Saving a card for later without a payment. https://docs.stripe.com/payments/setup-intents"""

from __future__ import annotations

from quickscale_billing.testing import cards
from quickscale_billing.testing.cards import Authentication
from quickscale_billing.testing.ids import token
from quickscale_billing.testing.payments import Presence, public_method
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


def make_intent(sandbox: Sandbox, *, customer: str | None, metadata: Object, description: str | None = None) -> Object:
    intent = sandbox.create(
        "setup_intent",
        "seti",
        application=None,
        automatic_payment_methods=None,
        cancellation_reason=None,
        client_secret=None,
        customer=customer,
        customer_account=None,
        description=description,
        flow_directions=None,
        last_setup_error=None,
        latest_attempt=None,
        mandate=None,
        metadata=metadata,
        next_action=None,
        on_behalf_of=None,
        payment_method=None,
        payment_method_options={
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        payment_method_types=["card"],
        single_use_mandate=None,
        status="requires_payment_method",
        usage="off_session",
    )
    intent["client_secret"] = f"{intent['id']}_secret_{token(intent['id'], 24)}"
    sandbox.emit("setup_intent.created", intent)
    return intent


def attempt(sandbox: Sandbox, intent: Object, presence: Presence) -> Object:
    method = sandbox.by_id[intent["payment_method"]]
    card = attaching.card_of(method)
    if card.decline and not card.declines_later:
        return fail(sandbox, intent, card.decline)
    if card.authentication is not Authentication.NONE and presence is not Presence.AUTHENTICATED:
        page = {"url": f"{sandbox.address}/authenticate/{intent['id']}", "return_url": intent.get("_return_url")}
        intent.update(status="requires_action", next_action={"type": "redirect_to_url", "redirect_to_url": page})
        sandbox.emit("setup_intent.requires_action", intent)
        return intent
    return succeed(sandbox, intent, method)


def succeed(sandbox: Sandbox, intent: Object, method: Object) -> Object:
    method["_set_up"] = True
    customer = sandbox.by_id.get(intent["customer"] or "")
    if customer and method["customer"] is None:
        attaching.bind(sandbox, method, customer)
    intent.update(status="succeeded", next_action=None, last_setup_error=None)
    sandbox.emit("setup_intent.succeeded", intent)
    return intent


def fail(sandbox: Sandbox, intent: Object, code: str) -> Object:
    reason, method = cards.DECLINES.get(code, cards.GENERIC), sandbox.by_id[intent["payment_method"]]
    error = {"type": "card_error", "code": reason.code, "decline_code": reason.decline_code, "message": reason.message}
    return refuse(sandbox, intent, error | {"payment_method": public_method(method)})


def fail_authentication(sandbox: Sandbox, intent: Object) -> Object:
    message = "The latest attempt to set up the payment method has failed because authentication failed."
    code = "setup_intent_authentication_failure"
    return refuse(sandbox, intent, {"type": "invalid_request_error", "code": code, "message": message})


def refuse(sandbox: Sandbox, intent: Object, error: Object) -> Object:
    intent.update(status="requires_payment_method", last_setup_error=error, next_action=None, payment_method=None)
    sandbox.emit("setup_intent.setup_failed", intent)
    return intent
