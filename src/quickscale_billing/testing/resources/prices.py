"""Prices. https://docs.stripe.com/api/prices"""

from __future__ import annotations

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.listing import DATED, Page, page
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    boolean,
    currency,
    many,
    merge_metadata,
    metadata,
    nested,
    one_of,
    positive,
    text,
    word,
)
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

INTERVALS = ("day", "week", "month", "year")
TAX_BEHAVIORS = ("exclusive", "inclusive", "unspecified")

recurring = nested(interval=Required(one_of(*INTERVALS)), interval_count=positive)
PRICE_DATA: Fields = {
    "currency": Required(currency),
    "metadata": metadata,
    "recurring": recurring,
    "tax_behavior": one_of(*TAX_BEHAVIORS),
    "unit_amount": Required(positive),
}
WRITABLE: Fields = {
    "active": boolean,
    "lookup_key": text,
    "metadata": metadata,
    "nickname": text,
    "tax_behavior": one_of(*TAX_BEHAVIORS),
    "transfer_lookup_key": boolean,
}


@accepts({**WRITABLE, **PRICE_DATA}, product=Required(text))
def create(sandbox: Sandbox, params: Params) -> Object:
    return make(sandbox, params)


def make(sandbox: Sandbox, params: Params) -> Object:
    sandbox.get("product", params.get("product") or "", param="product")
    claim_lookup_key(sandbox, params)
    created = sandbox.create(
        "price",
        "price",
        active=params.get("active", True),
        billing_scheme="per_unit",
        currency=params["currency"],
        custom_unit_amount=None,
        lookup_key=params.get("lookup_key"),
        metadata=merge_metadata({}, params.get("metadata", {})),
        nickname=params.get("nickname"),
        product=params["product"],
        recurring=full_recurring(params.get("recurring")),
        tax_behavior=params.get("tax_behavior", "unspecified"),
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if "recurring" in params else "one_time",
        unit_amount=params["unit_amount"],
        unit_amount_decimal=str(params["unit_amount"]),
    )
    sandbox.emit("price.created", created)
    return created


def full_recurring(given: Params | None) -> Object | None:
    if given is None:
        return None
    fixed = {"meter": None, "usage_type": "licensed"}
    return {"interval": given["interval"], "interval_count": given.get("interval_count", 1), **fixed}


def claim_lookup_key(sandbox: Sandbox, params: Params, owner: Object | None = None) -> None:
    """A lookup key is one price's; `transfer_lookup_key` takes it from the one that has it."""
    key = params.get("lookup_key")
    holders = [each for each in sandbox.all("price", lookup_key=key) if key and each is not owner]
    if holders and not params.get("transfer_lookup_key"):
        message = f"A price (`{holders[0]['id']}`) already uses that lookup key."
        raise invalid(message, param="lookup_key", code="resource_already_exists")
    for holder in holders:
        with sandbox.changing(holder, "price.updated"):
            holder["lookup_key"] = None


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("price", identifier)


@accepts(WRITABLE)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    price = sandbox.get("price", identifier)
    claim_lookup_key(sandbox, params, owner=price)
    plain = WRITABLE.keys() - {"metadata", "transfer_lookup_key"}
    with sandbox.changing(price, "price.updated"):
        price.update({name: value for name, value in params.items() if name in plain})
        if "metadata" in params:
            price["metadata"] = merge_metadata(price["metadata"], params["metadata"])
    return price


@accepts(
    DATED,
    active=boolean,
    currency=currency,
    lookup_keys=many(word),
    product=text,
    recurring=nested(interval=one_of(*INTERVALS)),
    type=one_of("one_time", "recurring"),
)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    equal = {name: params[name] for name in ("active", "currency", "product", "type") if name in params}
    found = [each for each in reversed(sandbox.all("price", **equal)) if matches(each, params)]
    return page(found, params, url="/v1/prices")


def matches(price: Object, params: Params) -> bool:
    interval = params.get("recurring", {}).get("interval")
    if interval and (price["recurring"] or {}).get("interval") != interval:
        return False
    return "lookup_keys" not in params or price["lookup_key"] in params["lookup_keys"]
