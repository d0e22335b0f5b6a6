"""Payment methods. https://docs.stripe.com/api/payment_methods"""

from __future__ import annotations

from quickscale_billing.testing import cards
from quickscale_billing.testing.errors import invalid, missing
from quickscale_billing.testing.listing import PAGING, Page, newest_first
from quickscale_billing.testing.parameters import (
    Params,
    Required,
    integer,
    merge_metadata,
    metadata,
    nested,
    one_of,
    text,
)
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.resources.customers import address
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

billing_details = nested(address=address, email=text, name=text, phone=text)


@accepts(
    type=Required(one_of("card")),
    card=Required(nested(number=text, token=text, exp_month=integer, exp_year=integer, cvc=text)),
    billing_details=billing_details,
    metadata=metadata,
)
def create(sandbox: Sandbox, params: Params) -> Object:
    given = params["card"]
    card = cards.BY_TOKEN.get(given["token"]) if "token" in given else cards.find(given.get("number") or "")
    if card is None:
        raise invalid(
            "Your card number is incorrect: the simulator takes Stripe's test cards.", code="incorrect_number"
        )
    expiry = (given["exp_month"], given["exp_year"]) if {"exp_month", "exp_year"} <= given.keys() else None
    created = attaching.make_card(sandbox, card, billing_details=params.get("billing_details"), expiry=expiry)
    created["metadata"] = merge_metadata({}, params.get("metadata", {}))
    return created


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("payment_method", identifier)


@accepts()
def retrieve_of_customer(sandbox: Sandbox, params: Params, customer: str, identifier: str) -> Object:
    found = sandbox.get("payment_method", identifier)
    if found["customer"] != customer:
        raise missing("payment_method", identifier)
    return found


@accepts(PAGING, customer=text, type=one_of("card", "sepa_debit"))
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "payment_method", params, url="/v1/payment_methods", filters=("customer", "type"))


@accepts(billing_details=billing_details, metadata=metadata)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    found = sandbox.get("payment_method", identifier)
    with sandbox.changing(found, "payment_method.updated"):
        found["billing_details"] = found["billing_details"] | params.get("billing_details", {})
        found["metadata"] = merge_metadata(found["metadata"], params["metadata"]) if "metadata" in params else {}
    return found


@accepts(customer=Required(text))
def attach(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    customer = sandbox.get("customer", params["customer"], param="customer")
    return attaching.attach(sandbox, identifier, customer)


@accepts()
def detach(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    found = sandbox.get("payment_method", identifier)
    attaching.detach(sandbox, found)
    return found
