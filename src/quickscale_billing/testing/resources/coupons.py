"""Coupons. https://docs.stripe.com/api/coupons"""

from __future__ import annotations

from quickscale_billing.testing import discounts
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.listing import DATED, Page, newest_first
from quickscale_billing.testing.parameters import (
    Params,
    Required,
    currency,
    decimal,
    integer,
    merge_metadata,
    metadata,
    one_of,
    positive,
    text,
)
from quickscale_billing.testing.routing import accepts, accepts_nothing
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts(
    amount_off=positive,
    currency=currency,
    duration=Required(one_of("once", "repeating", "forever")),
    duration_in_months=positive,
    id=text,
    max_redemptions=positive,
    metadata=metadata,
    name=text,
    percent_off=decimal,
    redeem_by=integer,
)
def create(sandbox: Sandbox, params: Params) -> Object:
    check(sandbox, params)
    created = sandbox.create(
        "coupon",
        "",
        id=params.get("id") or sandbox.ids.make("coupon", length=8).partition("_")[2],
        amount_off=params.get("amount_off"),
        currency=params.get("currency"),
        duration=params["duration"],
        duration_in_months=params.get("duration_in_months"),
        max_redemptions=params.get("max_redemptions"),
        metadata=merge_metadata({}, params.get("metadata", {})),
        name=params.get("name"),
        percent_off=params.get("percent_off"),
        redeem_by=params.get("redeem_by"),
        times_redeemed=0,
        valid=True,
    )
    created["valid"] = discounts.is_valid(sandbox, created)
    sandbox.emit("coupon.created", created)
    return created


def check(sandbox: Sandbox, params: Params) -> None:
    if ("amount_off" in params) == ("percent_off" in params):
        raise invalid("You must pass either percent_off or amount_off.")
    if "amount_off" in params and "currency" not in params:
        raise invalid("You must pass currency when passing amount_off", param="currency", code="parameter_missing")
    if not 0 < params.get("percent_off", 100) <= 100:
        raise invalid("Invalid percent_off: must be greater than 0 and at most 100", param="percent_off")
    if (params["duration"] == "repeating") != ("duration_in_months" in params):
        raise invalid("duration_in_months belongs to duration=repeating, and to it alone.", param="duration_in_months")
    if params.get("id") in sandbox.by_id:
        raise invalid("Coupon already exists.", param="id", code="resource_already_exists")


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("coupon", identifier)


@accepts_nothing
def delete(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    coupon = sandbox.get("coupon", identifier)
    coupon["valid"] = False
    sandbox.emit("coupon.deleted", coupon)
    coupon["deleted"] = True
    return coupon


@accepts(DATED)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "coupon", params, url="/v1/coupons")
