"""Checkout sessions. https://docs.stripe.com/api/checkout/sessions"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from quickscale_billing.testing import checkout, discounts, locales, saving
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.listing import DATED, PAGING, Page, newest_first, page
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    boolean,
    currency,
    integer,
    many,
    merge_metadata,
    metadata,
    nested,
    one_of,
    positive,
    text,
    unless_empty,
    word,
)
from quickscale_billing.testing.resources import prices, products, subscriptions
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

CUSTOM_TEXTS = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
LASTS = timedelta(hours=24)
SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)

product_data = nested(name=Required(text), description=text, metadata=metadata, tax_code=text)
line_item = nested(
    price=text,
    price_data=nested({**prices.PRICE_DATA, "product": text, "product_data": product_data}),
    quantity=positive,
)
discount = nested(coupon=text, promotion_code=text)
# Passed on to the page, and told again by the session.
ECHOED: Fields = {
    "allow_promotion_codes": boolean,
    "billing_address_collection": one_of("auto", "required"),
    "cancel_url": text,
    "client_reference_id": text,
    "customer_email": text,
    "locale": unless_empty(one_of(*locales.CHECKOUT)),
    "payment_method_collection": one_of("always", "if_required"),
    "submit_type": one_of("auto", "book", "donate", "pay", "subscribe"),
    "success_url": text,
}


@accepts(
    ECHOED,
    automatic_tax=nested(enabled=Required(boolean)),
    currency=currency,
    customer=text,
    customer_creation=one_of("always", "if_required"),
    # The page asks for no address, so there is none to keep.
    customer_update=nested(address=one_of("auto", "never"), name=one_of("auto", "never")),
    custom_text=nested(dict.fromkeys(CUSTOM_TEXTS, unless_empty(nested(message=Required(word))))),
    discounts=many(discount),
    expires_at=integer,
    invoice_creation=nested(enabled=Required(boolean)),
    line_items=many(line_item),
    metadata=metadata,
    mode=Required(one_of("payment", "setup", "subscription")),
    payment_intent_data=nested(
        description=text,
        metadata=metadata,
        receipt_email=text,
        setup_future_usage=one_of("off_session", "on_session"),
    ),
    payment_method_types=many(one_of("card", "sepa_debit")),
    phone_number_collection=nested(enabled=Required(boolean)),
    saved_payment_method_options=nested(payment_method_save=one_of("enabled", "disabled")),
    setup_intent_data=nested(description=text, metadata=metadata),
    subscription_data=nested(
        description=text,
        metadata=metadata,
        trial_end=integer,
        trial_period_days=positive,
        trial_settings=subscriptions.trial_settings,
    ),
    tax_id_collection=nested(enabled=Required(boolean)),
    ui_mode=one_of("hosted_page"),
)
def create(sandbox: Sandbox, params: Params) -> Object:
    check(sandbox, params)
    resolved = discounts.resolve(sandbox, params.get("discounts", []), customer=params.get("customer"))
    session = blank(sandbox, params)
    session["discounts"] = resolved or None
    if session["mode"] == "setup":
        session["setup_intent"] = setup_intent_of(sandbox, session)["id"]
    session["url"] = f"{sandbox.address}/c/pay/{session['id']}"
    for given in params.get("line_items", []):
        make_line(sandbox, session, given)
    check_debit(session)
    if session["mode"] != "setup":
        checkout.compute(sandbox, session)
    return session


def setup_intent_of(sandbox: Sandbox, session: Object) -> Object:
    given = session["_setup"]
    metadata = given.get("metadata", {})
    customer, description = session["customer"], given.get("description")
    return saving.make_intent(sandbox, customer=customer, metadata=metadata, description=description)


def check(sandbox: Sandbox, params: Params) -> None:
    mode = params["mode"]
    if customer := params.get("customer"):
        sandbox.get("customer", customer, param="customer")
    if "customer" in params and "customer_email" in params:
        raise invalid("You may only specify one of these parameters: customer, customer_email.")
    if "success_url" not in params:
        raise invalid("Missing required param: success_url.", param="success_url", code="parameter_missing")
    if mode != "setup" and not params.get("line_items"):
        message = f"`line_items` is required in `{mode}` mode."
        raise invalid(message, param="line_items", code="parameter_missing")
    if "discounts" in params and "allow_promotion_codes" in params:
        raise invalid("You may only specify one of these parameters: allow_promotion_codes, discounts.")
    check_data(params)
    check_expiry(sandbox, params)


def check_debit(session: Object) -> None:
    if "sepa_debit" not in session["payment_method_types"]:
        return
    if session["mode"] != "payment" or session["currency"] != "eur" or session["invoice_creation"]["enabled"]:
        message = "The simulator plays sepa_debit in `payment` mode, in EUR, without an invoice."
        raise invalid(message, param="payment_method_types")


def check_data(params: Params) -> None:
    """Each mode has its own data."""
    modes = {"payment_intent_data": "payment", "setup_intent_data": "setup", "subscription_data": "subscription"}
    for name, mode in modes.items():
        if name in params and params["mode"] != mode:
            raise invalid(f"You can not pass `{name}` in `{params['mode']}` mode.", param=name)


def check_expiry(sandbox: Sandbox, params: Params) -> None:
    lasts = params.get("expires_at", sandbox.now + LASTS.total_seconds()) - sandbox.now
    if not SHORTEST.total_seconds() <= lasts <= LONGEST.total_seconds():
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours after the session is made."
        raise invalid(message, param="expires_at")


def blank(sandbox: Sandbox, params: Params) -> Object:
    is_payment = params["mode"] == "payment"
    return sandbox.create(
        "checkout.session",
        "cs_test",
        id_length=58,
        **{name: params.get(name) for name in ECHOED},
        **features(params),
        adaptive_pricing={"enabled": False},
        after_expiration=None,
        amount_subtotal=None,
        amount_total=None,
        client_secret=None,
        collected_information=None,
        consent=None,
        consent_collection=None,
        currency=params.get("currency"),
        currency_conversion=None,
        custom_fields=[],
        custom_text=dict.fromkeys(CUSTOM_TEXTS) | params.get("custom_text", {}),
        customer=params.get("customer"),
        customer_account=None,
        customer_creation=params.get("customer_creation", "if_required") if is_payment else None,
        customer_details=None,
        discounts=None,
        expires_at=params.get("expires_at", sandbox.now + int(LASTS.total_seconds())),
        integration_identifier=None,
        invoice=None,
        metadata=merge_metadata({}, params.get("metadata", {})),
        mode=params["mode"],
        origin_context=None,
        payment_intent=None,
        payment_link=None,
        payment_method_configuration_details=None,
        payment_method_options={},
        payment_method_types=params.get("payment_method_types", ["card"]),
        payment_status="no_payment_required" if params["mode"] == "setup" else "unpaid",
        permissions=None,
        phone_number_collection=params.get("phone_number_collection", {"enabled": False}),
        recovered_from=None,
        saved_payment_method_options=saved_options(params),
        setup_intent=None,
        shipping_address_collection=None,
        shipping_cost=None,
        shipping_options=[],
        status="open",
        subscription=None,
        total_details=None,
        ui_mode="hosted_page",
        url=None,
        wallet_options=None,
        _intent=params.get("payment_intent_data", {}),
        _setup=params.get("setup_intent_data", {}),
        _subscription=params.get("subscription_data", {}),
        _customer_update=params.get("customer_update", {}),
        _payer=checkout.Payer(),
        _taxes=[],
        _paying=None,
        _saving=None,
    )


def features(params: Params) -> Object:
    taxed = params.get("automatic_tax", {}).get("enabled", False)
    creates_invoice = params.get("invoice_creation", {}).get("enabled", False)
    invoice_data: dict[str, Any] = {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": None,
        "metadata": {},
        "rendering_options": None,
    }
    return {
        "automatic_tax": {
            "enabled": taxed,
            "liability": {"type": "self"} if taxed else None,
            "provider": "stripe" if taxed else None,
            "status": "complete" if taxed else None,
        },
        "invoice_creation": {"enabled": creates_invoice, "invoice_data": invoice_data}
        if params["mode"] == "payment"
        else None,
        "tax_id_collection": {
            "enabled": params.get("tax_id_collection", {}).get("enabled", False),
            "required": "never",
        },
    }


def saved_options(params: Params) -> Object | None:
    given = params.get("saved_payment_method_options")
    shown = {"allow_redisplay_filters": None, "payment_method_remove": None, "payment_method_save": None}
    return given and {**shown, **given}


def make_line(sandbox: Sandbox, session: Object, given: Params) -> None:
    price = price_of(sandbox, session, given)
    session["currency"] = session["currency"] or price["currency"]
    if price["currency"] != session["currency"]:
        message = f"The price {price['id']} is in {price['currency']}, the session in {session['currency']}."
        raise invalid(message, param="line_items")
    sandbox.create(
        "item",
        "li",
        _session=session["id"],
        adjustable_quantity=None,
        amount_discount=0,
        amount_subtotal=0,
        amount_tax=0,
        amount_total=0,
        currency=price["currency"],
        description=sandbox.by_id[price["product"]]["name"],
        metadata={},
        price=price["id"],
        quantity=given.get("quantity", 1),
        _taxes=[],
    )


def price_of(sandbox: Sandbox, session: Object, given: Params) -> Object:
    if "price_data" in given:
        price = inline_price(sandbox, given["price_data"])
    else:
        price = sandbox.get("price", given.get("price") or "", param="line_items[0][price]")
    if not price["active"]:
        message = f"The price specified is inactive. This field only accepts active prices: {price['id']}."
        raise invalid(message, param="line_items[0][price]")
    check_price(session, price)
    return price


def inline_price(sandbox: Sandbox, data: Params) -> Object:
    if "product_data" in data:
        data = {**data, "product": products.inline(sandbox, data["product_data"])["id"]}
    return prices.make(sandbox, data)


def check_price(session: Object, price: Object) -> None:
    if session["mode"] == "subscription" and price["type"] != "recurring":
        raise invalid("The simulator sells recurring prices alone in `subscription` mode.", param="line_items")
    if session["mode"] == "payment" and price["type"] == "recurring":
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            param="line_items",
        )


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("checkout.session", identifier)


@accepts(metadata=metadata)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    session = sandbox.get("checkout.session", identifier)
    session["metadata"] = merge_metadata(session["metadata"], params.get("metadata", {}))
    return session


@accepts()
def expire(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    session = sandbox.get("checkout.session", identifier)
    if session["status"] != "open":
        raise invalid(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`."
        )
    checkout.expire(sandbox, session)
    return session


@accepts(
    DATED,
    customer=text,
    payment_intent=text,
    status=one_of("open", "complete", "expired"),
    subscription=text,
)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    filters = ("customer", "payment_intent", "status", "subscription")
    return newest_first(sandbox, "checkout.session", params, url="/v1/checkout/sessions", filters=filters)


@accepts(PAGING)
def list_lines(sandbox: Sandbox, params: Params, identifier: str) -> Page:
    sandbox.get("checkout.session", identifier)
    lines = sandbox.all("item", _session=identifier)
    return page(lines, params, url=f"/v1/checkout/sessions/{identifier}/line_items")
