"""Products. https://docs.stripe.com/api/products"""

from __future__ import annotations

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.listing import DATED, PAGING, Page, page
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    boolean,
    many,
    merge_metadata,
    metadata,
    nested,
    text,
    word,
)
from quickscale_billing.testing.resources import prices
from quickscale_billing.testing.routing import accepts, accepts_nothing
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

WRITABLE: Fields = {
    "active": boolean,
    "description": text,
    "images": many(word),
    "marketing_features": many(nested(name=Required(word))),
    "metadata": metadata,
    "name": word,
    "statement_descriptor": text,
    "tax_code": text,
    "unit_label": text,
    "url": text,
}


@accepts({**WRITABLE, "name": Required(word)}, id=text, default_price_data=nested(prices.PRICE_DATA))
def create(sandbox: Sandbox, params: Params) -> Object:
    if (taken := params.get("id")) in sandbox.by_id:
        raise invalid("Product already exists.", param="id", code="resource_already_exists")
    created = blank(sandbox, taken)
    change(created, params)
    sandbox.emit("product.created", created)
    if "default_price_data" in params:
        price = prices.make(sandbox, {**params["default_price_data"], "product": created["id"]})
        created["default_price"] = price["id"]
    return created


def blank(sandbox: Sandbox, identifier: str | None) -> Object:
    return sandbox.create(
        "product",
        "prod",
        id=identifier,
        id_length=14,
        active=True,
        default_price=None,
        description=None,
        images=[],
        marketing_features=[],
        metadata={},
        name="",
        package_dimensions=None,
        shippable=None,
        statement_descriptor=None,
        tax_code=None,
        unit_label=None,
        updated=sandbox.now,
        url=None,
    )


def change(product: Object, params: Params) -> None:
    plain = (WRITABLE.keys() | {"default_price"}) - {"metadata"}
    product.update({name: value for name, value in params.items() if name in plain})
    if "metadata" in params:
        product["metadata"] = merge_metadata(product["metadata"], params["metadata"])


def inline(sandbox: Sandbox, data: Params) -> Object:
    """The product of a price that is described where it is used; it is not offered otherwise."""
    created = blank(sandbox, None)
    change(created, {**data, "active": False})
    sandbox.emit("product.created", created)
    return created


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("product", identifier)


@accepts(WRITABLE, default_price=text)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    product = sandbox.get("product", identifier)
    if default := params.get("default_price"):
        sandbox.get("price", default, param="default_price")
    with sandbox.changing(product, "product.updated"):
        change(product, params)
        product["updated"] = sandbox.now
    return product


@accepts_nothing
def delete(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    product = sandbox.get("product", identifier)
    if sandbox.all("price", product=identifier):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    sandbox.emit("product.deleted", product)
    sandbox.remove(product)
    return {"id": identifier, "object": "product", "deleted": True}


@accepts(DATED, active=boolean, ids=many(word), url=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    found = sandbox.all("product", **{name: params[name] for name in ("active", "url") if name in params})
    chosen = [each for each in reversed(found) if "ids" not in params or each["id"] in params["ids"]]
    return page(chosen, params, url="/v1/products")


@accepts(PAGING)
def list_features(sandbox: Sandbox, params: Params, identifier: str) -> Page:
    """None: the simulator plays no entitlements, but dj-stripe asks for those of every product that it stores."""
    sandbox.get("product", identifier)
    return page([], params, url=f"/v1/products/{identifier}/features")
