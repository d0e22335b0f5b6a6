"""Promotion codes. https://docs.stripe.com/api/promotion_codes"""

from __future__ import annotations

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.ids import token
from quickscale_billing.testing.listing import DATED, Page, newest_first
from quickscale_billing.testing.parameters import (
    Params,
    Required,
    boolean,
    integer,
    merge_metadata,
    metadata,
    nested,
    one_of,
    positive,
    text,
)
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts(
    active=boolean,
    code=text,
    customer=text,
    expires_at=integer,
    max_redemptions=positive,
    metadata=metadata,
    promotion=Required(nested(type=Required(one_of("coupon")), coupon=Required(text))),
)
def create(sandbox: Sandbox, params: Params) -> Object:
    coupon = sandbox.get("coupon", params["promotion"]["coupon"], param="promotion[coupon]")
    code = params.get("code") or token(f"{sandbox.ids.seed}:{sandbox.ids.count}", 8).upper()
    if any(each["code"].lower() == code.lower() for each in sandbox.all("promotion_code", active=True)):
        message = f"An active promotion code with `code: {code}` already exists."
        raise invalid(message, param="code", code="resource_already_exists")
    created = sandbox.create(
        "promotion_code",
        "promo",
        active=params.get("active", True),
        code=code,
        customer=params.get("customer"),
        customer_account=None,
        expires_at=params.get("expires_at"),
        max_redemptions=params.get("max_redemptions"),
        metadata=merge_metadata({}, params.get("metadata", {})),
        promotion={"type": "coupon", "coupon": coupon["id"]},
        restrictions={"first_time_transaction": False, "minimum_amount": None, "minimum_amount_currency": None},
        times_redeemed=0,
    )
    sandbox.emit("promotion_code.created", created)
    return created


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("promotion_code", identifier)


@accepts(active=boolean, metadata=metadata)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    promotion = sandbox.get("promotion_code", identifier)
    with sandbox.changing(promotion, "promotion_code.updated"):
        promotion["active"] = params.get("active", promotion["active"])
        if "metadata" in params:
            promotion["metadata"] = merge_metadata(promotion["metadata"], params["metadata"])
    return promotion


@accepts(DATED, active=boolean, code=text, coupon=text, customer=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(
        sandbox, "promotion_code", params, url="/v1/promotion_codes", filters=("active", "code", "customer")
    )
