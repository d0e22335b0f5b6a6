"""The products and prices of our Stripe account: what differs from an offer, and making it so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from quickscale_billing.exceptions import StripeRefused
from quickscale_billing.money import formatted
from quickscale_billing.stripe.client import asking_stripe, plain, stripe_client

KEYS_IN_A_REQUEST = 10
"""https://docs.stripe.com/api/prices/list: "up to 10 prices" by lookup key."""


@dataclass(frozen=True, kw_only=True)
class OfferedPrice:
    lookup_key: str
    """The name by which Stripe finds the price again. A price that replaces another takes it over."""
    amount: int
    currency: str
    interval: str | None
    """None: paid once."""
    is_active: bool
    stripe_id: str | None


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A plan or a pack as Stripe shall have it: one product, and a price per interval and currency."""

    kind: str
    slug: str
    name: str
    description: str
    is_active: bool
    product_id: str | None
    prices: tuple[OfferedPrice, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug}"


@dataclass
class Shelf:
    """What Stripe has of an offer: its product, and its prices by lookup key."""

    product: dict[str, Any] | None = None
    prices: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """Something to be done at Stripe, in words; `make` does it and puts Stripe's answer on the shelf."""

    line: str
    make: Callable[[], None]


def shelf_of(offer: Offer) -> Shelf:
    shelf = Shelf()
    for found in _found_by_key([price.lookup_key for price in offer.prices]):
        shelf.prices[found["lookup_key"]] = found
    for price in offer.prices:
        if price.lookup_key not in shelf.prices and (linked := _retrieved("prices", price.stripe_id)):
            shelf.prices[price.lookup_key] = linked
    product_id = offer.product_id or next((price["product"] for price in shelf.prices.values()), None)
    shelf.product = _retrieved("products", product_id)
    return shelf


def changes(offer: Offer, shelf: Shelf) -> Iterator[Change]:
    yield from _product_changes(offer, shelf)
    for price in offer.prices:
        yield from _price_changes(offer, price, shelf)


def terms_of(price: dict[str, Any]) -> str:
    """As `Priced.terms` writes them."""
    per = f" / {price['recurring']['interval']}" if price["recurring"] else ""
    return f"{price['unit_amount']} {price['currency']}{per}"


def _product_changes(offer: Offer, shelf: Shelf) -> Iterator[Change]:
    wanted = {"name": offer.name, "description": offer.description, "active": offer.is_active}
    if shelf.product is None:
        if offer.is_active:
            yield Change(f"{offer}: new product {offer.name!r}", lambda: _make_product(offer, shelf))
        return
    different = {key: value for key, value in wanted.items() if (shelf.product[key] or "") != (value or "")}
    if different:
        said = ", ".join(f"{key} {shelf.product[key]!r} → {value!r}" for key, value in different.items())
        yield Change(f"{offer}: product: {said}", lambda: _update_product(shelf, different))


def _price_changes(offer: Offer, price: OfferedPrice, shelf: Shelf) -> Iterator[Change]:
    now, said = shelf.prices.get(price.lookup_key), formatted(price.amount, price.currency)
    per = f" / {price.interval}" if price.interval else ""
    if not price.is_active:
        if now and now["active"]:
            yield Change(f"{offer}: price {said}{per} is taken off sale", lambda: _retire(price, shelf))
    elif now is None:
        yield Change(f"{offer}: new price {said}{per}", lambda: _make_price(offer, price, shelf))
    elif not _same(price, now):
        before = formatted(now["unit_amount"] or 0, now["currency"])
        line = f"{offer}: price {before}{per} → {said}{per}, as a new price; who pays the old one keeps it"
        yield Change(line, lambda: _replace(offer, price, shelf))
    elif not now["active"] or now["lookup_key"] != price.lookup_key:
        yield Change(f"{offer}: price {said}{per} is put on sale again", lambda: _put_on_sale(price, shelf))


def _same(price: OfferedPrice, now: dict[str, Any]) -> bool:
    interval = now["recurring"] and (now["recurring"]["interval"], now["recurring"]["interval_count"])
    wanted = price.interval and (price.interval, 1)
    return (now["unit_amount"], now["currency"], interval) == (price.amount, price.currency, wanted)


def _make_product(offer: Offer, shelf: Shelf) -> None:
    params: Any = {"name": offer.name, "metadata": {"quickscale_item": f"{offer.kind}:{offer.slug}"}}
    if offer.description:
        params["description"] = offer.description
    with asking_stripe():
        made = stripe_client().v1.products.create(params, _once("product", offer.kind, offer.slug, params))
    shelf.product = plain(made)


def _update_product(shelf: Shelf, different: Any) -> None:
    with asking_stripe():
        updated = stripe_client().v1.products.update(_product(shelf)["id"], different)
    shelf.product = plain(updated)


def _make_price(offer: Offer, price: OfferedPrice, shelf: Shelf) -> None:
    before = shelf.prices.get(price.lookup_key)
    params: Any = {
        "product": _product(shelf)["id"],
        "unit_amount": price.amount,
        "currency": price.currency,
        "lookup_key": price.lookup_key,
        "transfer_lookup_key": True,
        "metadata": {"quickscale_item": f"{offer.kind}:{offer.slug}"},
    }
    if price.interval:
        params["recurring"] = {"interval": price.interval}
    with asking_stripe():
        made = stripe_client().v1.prices.create(params, _once("price", before and before["id"], params))
    shelf.prices[price.lookup_key] = plain(made)


def _replace(offer: Offer, price: OfferedPrice, shelf: Shelf) -> None:
    before = shelf.prices[price.lookup_key]["id"]
    _make_price(offer, price, shelf)
    with asking_stripe():
        stripe_client().v1.prices.update(before, {"active": False})


def _retire(price: OfferedPrice, shelf: Shelf) -> None:
    with asking_stripe():
        updated = stripe_client().v1.prices.update(shelf.prices[price.lookup_key]["id"], {"active": False})
    shelf.prices[price.lookup_key] = plain(updated)


def _put_on_sale(price: OfferedPrice, shelf: Shelf) -> None:
    wanted: Any = {"active": True, "lookup_key": price.lookup_key, "transfer_lookup_key": True}
    with asking_stripe():
        updated = stripe_client().v1.prices.update(shelf.prices[price.lookup_key]["id"], wanted)
    shelf.prices[price.lookup_key] = plain(updated)


def _product(shelf: Shelf) -> dict[str, Any]:
    assert shelf.product is not None, "a price comes after its product"  # noqa: S101
    return shelf.product


def _found_by_key(keys: list[str]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(keys), KEYS_IN_A_REQUEST):
        some = keys[start : start + KEYS_IN_A_REQUEST]
        with asking_stripe():
            found = stripe_client().v1.prices.list({"lookup_keys": some, "limit": 100})
        yield from map(plain, found.data)


def _retrieved(kind: str, stripe_id: str | None) -> dict[str, Any] | None:
    """None for what was deleted at Stripe, or belongs to another account of it."""
    if stripe_id is None:
        return None
    try:
        with asking_stripe():
            found = plain(getattr(stripe_client().v1, kind).retrieve(stripe_id))
    except StripeRefused as refusal:
        if refusal.code == "resource_missing":
            return None
        raise
    return None if found.get("deleted") else found


def _once(*request: Any) -> Any:
    """Options under which Stripe does the same request once, though we are killed before we know its answer."""
    return {"idempotency_key": f"quickscale-{sha256(repr(request).encode()).hexdigest()}"}
