"""From our rows to Stripe: the one function behind `sync_catalog` and the admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from quickscale_billing.catalog.lookup import Item
from quickscale_billing.catalog.offers import pack_lookup_key, pack_offer, plan_lookup_key, plan_offer
from quickscale_billing.models import CreditPack, PlanPrice
from quickscale_billing.stripe import products
from quickscale_billing.stripe.products import Offer, Shelf


def push(item: Item) -> list[str]:
    """Make Stripe agree with a row, and link the row; the answer says what was done, in words. May be repeated.

    Raises `StripeUnavailable`; what was done by then is not done again the next time.
    """
    prices = _prices(item)
    offer = offer_of(item, prices)
    shelf = products.shelf_of(offer)
    lines = []
    for change in products.changes(offer, shelf):
        change.make()
        lines.append(change.line)
    _link(item, prices, shelf)
    return lines


def ensure_pushed(item: Item, price: PlanPrice | CreditPack) -> None:
    """Before a sale: what Stripe would charge must be what we say."""
    if not price.is_at_stripe:
        push(item)
        price.refresh_from_db()


def offer_of(item: Item, prices: Sequence[PlanPrice]) -> Offer:
    return pack_offer(item) if isinstance(item, CreditPack) else plan_offer(item, prices)


def _prices(item: Item) -> list[PlanPrice]:
    """Of an interval and a currency, only the price on sale: those it replaced have lost their key to it."""
    if isinstance(item, CreditPack):
        return []
    latest: dict[tuple[str, str], PlanPrice] = {}
    for price in item.prices.order_by("is_active", "pk"):
        latest[price.interval, price.currency] = price
    return list(latest.values())


@transaction.atomic
def _link(item: Item, prices: Sequence[PlanPrice], shelf: Shelf) -> None:
    if shelf.product is not None:
        item.stripe_product_id = shelf.product["id"]
        item.save(update_fields=["stripe_product_id"])
    if isinstance(item, CreditPack):
        _link_price(item, shelf.prices.get(pack_lookup_key(item)))
        return
    for price in prices:
        if now := shelf.prices.get(plan_lookup_key(item, price)):
            _relink(price, now)


def _relink(price: PlanPrice, now: dict[str, Any]) -> None:
    """An invoice of who pays the old price names that price: it stays, as a row that is off sale."""
    old_id, old_terms = price.stripe_price_id, price.stripe_terms or price.terms
    _link_price(price, now)
    if old_id and old_id != now["id"]:
        amount, currency, _per, interval = old_terms.split()
        PlanPrice.objects.create(
            plan_id=price.plan_id,
            interval=interval,
            amount=int(amount),
            currency=currency,
            stripe_price_id=old_id,
            stripe_terms=old_terms,
            is_active=False,
        )


def _link_price(row: PlanPrice | CreditPack, now: dict[str, Any] | None) -> None:
    if now is not None:
        row.stripe_price_id, row.stripe_terms = now["id"], products.terms_of(now)
        row.save(update_fields=["stripe_price_id", "stripe_terms"])
