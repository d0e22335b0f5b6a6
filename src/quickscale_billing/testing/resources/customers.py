"""Customers. https://docs.stripe.com/api/customers"""

from __future__ import annotations

from typing import Any

from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.ids import token
from quickscale_billing.testing.listing import DATED, PAGING, Page, newest_first, page
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    currency,
    integer,
    many,
    merge_metadata,
    metadata,
    nested,
    one_of,
    text,
    unless_empty,
    word,
)
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.routing import accepts, accepts_nothing
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

ADDRESS_LINES = ("city", "country", "line1", "line2", "postal_code", "state")
address = unless_empty(nested(dict.fromkeys(ADDRESS_LINES, text)))

WRITABLE: Fields = {
    "address": address,
    "balance": integer,
    "description": text,
    "email": text,
    "invoice_settings": nested(default_payment_method=text),
    "metadata": metadata,
    "name": text,
    "phone": text,
    "preferred_locales": many(word),
    "tax": nested(ip_address=text, validate_location=one_of("deferred", "immediately")),
    "tax_exempt": unless_empty(one_of("none", "exempt", "reverse")),
}
PLAIN = ("description", "email", "name", "phone", "preferred_locales", "balance")


@accepts(WRITABLE, payment_method=text, test_clock=text)
def create(sandbox: Sandbox, params: Params) -> Object:
    if clock := params.get("test_clock"):
        # The customer is born in the clock's time.
        sandbox.test_clock = sandbox.get("test_helpers.test_clock", clock, param="test_clock")
    created = blank(sandbox)
    created["test_clock"] = params.get("test_clock")
    if method := params.get("payment_method"):
        attaching.attach(sandbox, method, created)
    change(sandbox, created, params)
    sandbox.emit("customer.created", created)
    if params.get("balance"):
        record_balance(sandbox, created, params["balance"], kind="initial")
    return created


def blank(sandbox: Sandbox) -> Object:
    created = sandbox.create(
        "customer",
        "cus",
        id_length=14,
        address=None,
        balance=0,
        currency=None,
        customer_account=None,
        default_source=None,
        delinquent=False,
        description=None,
        email=None,
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        metadata={},
        name=None,
        next_invoice_sequence=1,
        phone=None,
        preferred_locales=[],
        shipping=None,
        tax_exempt="none",
        test_clock=None,
    )
    created["invoice_prefix"] = token(created["id"], 8).upper()
    return created


def change(sandbox: Sandbox, customer: Object, params: Params) -> None:
    customer.update({name: params[name] for name in PLAIN if name in params})
    if "metadata" in params:
        customer["metadata"] = merge_metadata(customer["metadata"], params["metadata"])
    if "address" in params:
        customer["address"] = full_address(params["address"])
    if "tax_exempt" in params:
        customer["tax_exempt"] = params["tax_exempt"] or "none"
    given = params.get("invoice_settings", {})
    if "default_payment_method" in given:
        customer["invoice_settings"]["default_payment_method"] = default_method(sandbox, customer, given)


def default_method(sandbox: Sandbox, customer: Object, given: Params) -> str | None:
    name: str | None = given["default_payment_method"]
    if name is None:
        return None
    method = attaching.method(sandbox, name, param="invoice_settings[default_payment_method]")
    if method["customer"] != customer["id"]:
        message = f"The customer does not have a payment method with the ID {name}. The payment method must be attached"
        raise invalid(f"{message} to the customer.", param="invoice_settings[default_payment_method]")
    return str(method["id"])


def full_address(given: Params | None) -> Params | None:
    return given and {line: given.get(line) for line in ADDRESS_LINES}


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    """A deleted customer is answered too, as nothing but deleted."""
    return sandbox.get("customer", identifier)


def living(sandbox: Sandbox, identifier: str, *, param: str = "customer") -> Object:
    """The customer, which must not have been deleted."""
    return sandbox.get("customer", identifier, param=param)


@accepts(WRITABLE)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    customer = living(sandbox, identifier, param="id")
    if customer.get("deleted"):
        raise invalid(f"No such customer: '{identifier}'", param="id", code="resource_missing")
    before = customer["balance"]
    with sandbox.changing(customer, "customer.updated"):
        change(sandbox, customer, params)
        if customer["balance"] != before:
            record_balance(sandbox, customer, customer["balance"] - before, kind="adjustment")
    return customer


@accepts_nothing
def delete(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    """Deleting cancels the subscriptions: the simulator reacts to the event."""
    customer = living(sandbox, identifier, param="id")
    if not customer.get("deleted"):
        sandbox.emit("customer.deleted", customer)
        customer["deleted"] = True
    return customer


@accepts(DATED, email=text, test_clock=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    if "test_clock" not in params:
        everybody = [each for each in reversed(sandbox.all("customer")) if not each.get("deleted")]
        mine = [each for each in everybody if each["test_clock"] is None]
        mine = [each for each in mine if "email" not in params or each["email"] == params["email"]]
        return page(mine, params, url="/v1/customers")
    return newest_first(sandbox, "customer", params, url="/v1/customers", filters=("email", "test_clock"))


@accepts(amount=Required(integer), currency=Required(currency), description=text, metadata=metadata)
def credit(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    """https://docs.stripe.com/billing/customer/balance: negative is money the customer has with us."""
    customer = living(sandbox, identifier, param="id")
    with sandbox.changing(customer, "customer.updated"):
        customer["balance"] += params["amount"]
        described = {"description": params.get("description"), "metadata": params.get("metadata", {})}
        return record_balance(sandbox, customer, params["amount"], currency=params["currency"], **described)


def record_balance(sandbox: Sandbox, customer: Object, amount: int, *, kind: str = "adjustment", **more: Any) -> Object:
    """The customer's balance is already the new one; `currency` counts if the customer has none yet."""
    customer["currency"] = customer["currency"] or more.pop("currency", "usd")
    more.pop("currency", None)
    fields: Object = {"description": None, "metadata": {}, "invoice": None, "credit_note": None, **more}
    return sandbox.create(
        "customer_balance_transaction",
        "cbtxn",
        amount=amount,
        checkout_session=None,
        currency=customer["currency"],
        customer=customer["id"],
        customer_account=None,
        ending_balance=customer["balance"],
        type=kind,
        **fields,
    )


@accepts(DATED)
def list_balance(sandbox: Sandbox, params: Params, identifier: str) -> Page:
    found = sandbox.all("customer_balance_transaction", customer=identifier)
    return page(found[::-1], params, url=f"/v1/customers/{identifier}/balance_transactions")


@accepts(PAGING, type=one_of("card", "sepa_debit"))
def list_methods(sandbox: Sandbox, params: Params, identifier: str) -> Page:
    living(sandbox, identifier, param="id")
    wanted = {"customer": identifier} | ({"type": params["type"]} if "type" in params else {})
    found = sandbox.all("payment_method", **wanted)
    return page(found[::-1], params, url=f"/v1/customers/{identifier}/payment_methods")
