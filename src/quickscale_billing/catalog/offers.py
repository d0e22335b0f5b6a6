"""How a plan and a pack are offered at Stripe."""

from __future__ import annotations

from collections.abc import Iterable

from quickscale_billing.models import CreditPack, Plan, PlanPrice
from quickscale_billing.stripe.products import Offer, OfferedPrice


def plan_offer(plan: Plan, prices: Iterable[PlanPrice]) -> Offer:
    return Offer(
        kind="plan",
        slug=plan.slug,
        name=plan.name,
        description=plan.description,
        is_active=plan.is_active,
        product_id=plan.stripe_product_id,
        prices=tuple(_plan_price(plan, price) for price in prices),
    )


def pack_offer(pack: CreditPack) -> Offer:
    price = OfferedPrice(
        lookup_key=pack_lookup_key(pack),
        amount=pack.amount,
        currency=pack.currency,
        interval=None,
        is_active=pack.is_active,
        stripe_id=pack.stripe_price_id,
    )
    return Offer(
        kind="pack",
        slug=pack.slug,
        name=pack.name,
        description=pack.description,
        is_active=pack.is_active,
        product_id=pack.stripe_product_id,
        prices=(price,),
    )


def pack_lookup_key(pack: CreditPack) -> str:
    return f"quickscale:pack:{pack.slug}"


def plan_lookup_key(plan: Plan, price: PlanPrice) -> str:
    return f"quickscale:plan:{plan.slug}:{price.interval}:{price.currency}"


def _plan_price(plan: Plan, price: PlanPrice) -> OfferedPrice:
    return OfferedPrice(
        lookup_key=plan_lookup_key(plan, price),
        amount=price.amount,
        currency=price.currency,
        interval=price.interval,
        is_active=plan.is_active and price.is_active,
        stripe_id=price.stripe_price_id,
    )
