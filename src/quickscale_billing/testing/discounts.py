"""Coupons, promotion codes and the discounts they make. https://docs.stripe.com/billing/subscriptions/coupons"""

from __future__ import annotations

from collections.abc import Sequence

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.parameters import Params
from quickscale_billing.testing.sandbox import Object, Sandbox


def resolve(sandbox: Sandbox, given: Sequence[Params], *, customer: str | None) -> list[Object]:
    """What was asked for, each as coupon and promotion code; one at most."""
    if len(given) > 1:
        raise invalid("The simulator plays one discount at a time.", param="discounts")
    return [resolve_one(sandbox, each, customer) for each in given]


def resolve_one(sandbox: Sandbox, given: Params, customer: str | None) -> Object:
    if code := given.get("promotion_code"):
        promotion = sandbox.get("promotion_code", code, param="discounts[0][promotion_code]")
        check_promotion(sandbox, promotion, customer)
        return {"coupon": promotion["promotion"]["coupon"], "promotion_code": code}
    coupon = sandbox.get("coupon", given["coupon"], param="discounts[0][coupon]")
    check_coupon(sandbox, coupon)
    return {"coupon": coupon["id"], "promotion_code": None}


def check_promotion(sandbox: Sandbox, promotion: Object, customer: str | None) -> None:
    used_up = promotion["max_redemptions"] and promotion["times_redeemed"] >= promotion["max_redemptions"]
    expired = promotion["expires_at"] and promotion["expires_at"] <= sandbox.now
    if not promotion["active"] or used_up or expired or promotion["customer"] not in {None, customer}:
        raise invalid("This promotion code is not active or cannot be redeemed.", param="discounts")
    check_coupon(sandbox, sandbox.by_id[promotion["promotion"]["coupon"]])


def check_coupon(sandbox: Sandbox, coupon: Object) -> None:
    if not is_valid(sandbox, coupon):
        raise invalid(f"Coupon {coupon['id']} is expired and cannot be applied.", param="discounts")


def is_valid(sandbox: Sandbox, coupon: Object) -> bool:
    used_up = coupon["max_redemptions"] and coupon["times_redeemed"] >= coupon["max_redemptions"]
    expired = coupon["redeem_by"] and coupon["redeem_by"] <= sandbox.now
    return not (used_up or expired)


def coupon_of(sandbox: Sandbox, resolved: Sequence[Object]) -> Object | None:
    return sandbox.by_id[resolved[0]["coupon"]] if resolved else None


def redeem(sandbox: Sandbox, resolved: Sequence[Object]) -> None:
    for each in resolved:
        coupon = sandbox.by_id[each["coupon"]]
        coupon["times_redeemed"] += 1
        coupon["valid"] = is_valid(sandbox, coupon)
        if promotion := sandbox.by_id.get(each["promotion_code"] or ""):
            promotion["times_redeemed"] += 1
