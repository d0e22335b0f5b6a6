"""Coupons, promotion codes and the discounts they make. https://docs.stripe.com/billing/subscriptions/coupons"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.parameters import Params
from quickscale_billing.testing.periods import plus_months
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


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


def make(sandbox: Sandbox, resolved: Sequence[Object], *, customer: str, subscription: str | None) -> list[str]:
    """The discounts of a subscription or an invoice, as their ids."""
    return [make_one(sandbox, each, customer, subscription)["id"] for each in resolved]


def make_one(sandbox: Sandbox, resolved: Object, customer: str, subscription: str | None) -> Object:
    coupon = sandbox.by_id[resolved["coupon"]]
    start = datetime.fromtimestamp(sandbox.now, UTC)
    months = coupon["duration_in_months"]
    discount = sandbox.create(
        "discount",
        "di",
        checkout_session=None,
        customer=customer,
        customer_account=None,
        end=int(plus_months(start, months).timestamp()) if months else None,
        invoice=None,
        invoice_item=None,
        promotion_code=resolved["promotion_code"],
        source={"type": "coupon", "coupon": coupon["id"]},
        start=sandbox.now,
        subscription=subscription,
        subscription_item=None,
    )
    sandbox.emit("customer.discount.created", discount)
    return discount


def applied(sandbox: Sandbox, names: Sequence[str]) -> Object | None:
    """The discount among these that still takes something off now."""
    for name in names:
        discount = sandbox.by_id[name]
        if discount["end"] is None or discount["end"] > sandbox.now:
            return discount
    return None


def after_invoice(sandbox: Sandbox, names: Sequence[str]) -> list[str]:
    """What is left of a subscription's discounts once an invoice was made: `once` is gone."""
    return [name for name in names if duration_of(sandbox, name) != "once"]


def duration_of(sandbox: Sandbox, name: str) -> str:
    return str(sandbox.by_id[sandbox.by_id[name]["source"]["coupon"]]["duration"])
