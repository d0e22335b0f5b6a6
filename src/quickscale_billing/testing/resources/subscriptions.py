"""Subscriptions and their items. https://docs.stripe.com/api/subscriptions"""

from __future__ import annotations

from quickscale_billing.testing import changing, discounts, lifecycle, subscribing
from quickscale_billing.testing.errors import invalid, missing
from quickscale_billing.testing.listing import DATED, PAGING, Page, page, refuse_unknown_customer
from quickscale_billing.testing.parameters import (
    Fields,
    Params,
    Required,
    boolean,
    either,
    integer,
    many,
    merge_metadata,
    metadata,
    nested,
    one_of,
    positive,
    text,
    unless_empty,
)
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object
from quickscale_billing.testing.subscribing import Item, Terms

DAY = 86_400

item = nested(deleted=boolean, id=text, metadata=metadata, price=text, quantity=positive)
trial_settings = nested(
    end_behavior=Required(nested(missing_payment_method=Required(one_of("cancel", "create_invoice", "pause"))))
)
payment_settings = nested(
    payment_method_types=many(one_of("card")),
    save_default_payment_method=one_of("off", "on_subscription"),
)
cancellation_details = nested(
    comment=text,
    feedback=unless_empty(
        one_of(
            "customer_service",
            "low_quality",
            "missing_features",
            "other",
            "switched_service",
            "too_complex",
            "too_expensive",
            "unused",
        )
    ),
)
COMMON: Fields = {
    "automatic_tax": nested(enabled=Required(boolean)),
    "cancel_at": unless_empty(integer),
    "cancel_at_period_end": boolean,
    "collection_method": one_of("charge_automatically"),
    "default_payment_method": text,
    "description": text,
    "discounts": many(nested(coupon=text, promotion_code=text)),
    "items": many(item),
    "metadata": metadata,
    "off_session": boolean,
    "payment_settings": payment_settings,
    "proration_behavior": one_of("always_invoice", "create_prorations", "none"),
    "trial_end": either("now", integer),
    "trial_settings": trial_settings,
}
# https://docs.stripe.com/billing/subscriptions/pending-updates-reference
PENDING = {
    "billing_cycle_anchor",
    "discounts",
    "items",
    "metadata",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
}
CHANGES = {"billing_cycle_anchor", "items", "trial_end"}


@accepts(
    {**COMMON, "items": Required(many(item))},
    customer=Required(text),
    payment_behavior=one_of("allow_incomplete", "default_incomplete"),
    trial_period_days=positive,
)
def create(sandbox: Sandbox, params: Params) -> Object:
    customer = sandbox.get("customer", params["customer"], param="customer")
    terms = Terms(
        customer=customer,
        items=[item_of(sandbox, each, index) for index, each in enumerate(params["items"])],
        trial_end=trial_end_of(sandbox, params),
        discounts=discounts.resolve(sandbox, params.get("discounts", []), customer=customer["id"]),
        more=settings_of(sandbox, customer, params),
    )
    check_payable(customer, terms, params)
    subscription = subscribing.start(sandbox, terms)
    if params.get("payment_behavior") != "default_incomplete":
        off_session = params.get("off_session", False)
        subscribing.collect_first(sandbox, subscription, Presence.OFF_SESSION if off_session else Presence.ON_SESSION)
    return subscription


def item_of(sandbox: Sandbox, given: Params, index: int) -> Item:
    if not given.get("price"):
        name = f"items[{index}][price]"
        raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    price = changing.recurring_price(sandbox, given["price"], param=f"items[{index}][price]")
    return Item(price=price, quantity=given.get("quantity", 1), metadata=given.get("metadata", {}))


def trial_end_of(sandbox: Sandbox, params: Params) -> int | None:
    if "trial_end" in params and "trial_period_days" in params:
        raise invalid("You may only specify one of these parameters: trial_end, trial_period_days.")
    if days := params.get("trial_period_days"):
        return int(sandbox.now + days * DAY)
    wanted = params.get("trial_end")
    if wanted in {None, "now"}:
        return None
    if wanted <= sandbox.now:
        raise invalid("Invalid trial_end: it must be in the future.", param="trial_end")
    return int(wanted)


def check_payable(customer: Object, terms: Terms, params: Params) -> None:
    """https://docs.stripe.com/error-codes#customer-missing-payment-method"""
    method = terms.more.get("default_payment_method") or customer["invoice_settings"]["default_payment_method"]
    costs = terms.trial_end is None and any(each.price["unit_amount"] for each in terms.items)
    if method is None and costs and params.get("payment_behavior") != "default_incomplete":
        raise invalid(
            "This customer has no attached payment source or default payment method. Please consider adding a default "
            "payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods"
            "-setting#payment-method-priority.",
            code="resource_missing",
        )


def settings_of(sandbox: Sandbox, customer: Object, params: Params) -> Object:
    """The members that say how the subscription behaves, as it tells them."""
    plain = ("cancel_at", "cancel_at_period_end", "description")
    found: Object = {name: params[name] for name in plain if name in params}
    if "default_payment_method" in params:
        found["default_payment_method"] = method_of(sandbox, customer, params["default_payment_method"])
    if "trial_settings" in params:
        found["trial_settings"] = params["trial_settings"]
    if "metadata" in params:
        found["metadata"] = merge_metadata({}, params["metadata"])
    return found | nested_settings(params)


def nested_settings(params: Params) -> Object:
    found: Object = {}
    if "automatic_tax" in params:
        enabled = params["automatic_tax"]["enabled"]
        liability = {"type": "self"} if enabled else None
        found["automatic_tax"] = {"disabled_reason": None, "enabled": enabled, "liability": liability}
    if "payment_settings" in params:
        given = params["payment_settings"]
        found["payment_settings"] = {
            "payment_method_options": None,
            "payment_method_types": given.get("payment_method_types"),
            "save_default_payment_method": given.get("save_default_payment_method", "off"),
        }
    return found


def method_of(sandbox: Sandbox, customer: Object, name: str | None) -> str | None:
    if name is None:
        return None
    method = attaching.method(sandbox, name, param="default_payment_method")
    if method["customer"] != customer["id"]:
        message = f"The customer does not have a payment method with the ID {name}."
        raise invalid(message, param="default_payment_method")
    return str(method["id"])


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("subscription", identifier)


@accepts(
    COMMON,
    billing_cycle_anchor=one_of("now", "unchanged"),
    cancellation_details=cancellation_details,
    payment_behavior=one_of("allow_incomplete", "pending_if_incomplete"),
    proration_date=integer,
)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    subscription = sandbox.get("subscription", identifier)
    check_update(subscription, params)
    with sandbox.changing(subscription, changing.UPDATED):
        change_settings(sandbox, subscription, params)
        change_trial(sandbox, subscription, params)
        if CHANGES & params.keys():
            changing.perform(sandbox, subscription, changing.plan(sandbox, subscription, params), params)
    return subscription


def check_update(subscription: Object, params: Params) -> None:
    if subscription["status"] in {"canceled", "incomplete_expired"} and params.keys() - {
        "cancellation_details",
        "metadata",
    }:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    if {"cancel_at", "cancel_at_period_end"} & params.keys():
        refuse_scheduled(subscription, "updating any cancelation behavior directly")
    refused = params.keys() - PENDING
    if params.get("payment_behavior") == "pending_if_incomplete" and refused:
        raise invalid(
            f"When payment_behavior is pending_if_incomplete, you can't pass {', '.join(sorted(refused))}: see "
            "https://stripe.com/docs/billing/subscriptions/pending-updates-reference"
        )


def refuse_scheduled(subscription: Object, what: str) -> None:
    """Worded by Stripe; measured, not documented."""
    if subscription["schedule"]:
        raise invalid(
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and {what} is not "
            "allowed. Please update the schedule instead."
        )


def change_settings(sandbox: Sandbox, subscription: Object, params: Params) -> None:
    customer = sandbox.by_id[subscription["customer"]]
    current = subscription["metadata"]
    subscription.update(settings_of(sandbox, customer, params))
    if "metadata" in params:
        subscription["metadata"] = merge_metadata(current, params["metadata"])
    if "cancellation_details" in params:
        subscription["cancellation_details"] |= params["cancellation_details"]
    if "cancel_at_period_end" in params:
        cancel_at_end(sandbox, subscription, wanted=params["cancel_at_period_end"])
    if "discounts" in params:
        resolved = discounts.resolve(sandbox, params["discounts"], customer=customer["id"])
        subscription["discounts"] = discounts.make(
            sandbox, resolved, customer=customer["id"], subscription=subscription["id"]
        )
        discounts.redeem(sandbox, resolved)


def cancel_at_end(sandbox: Sandbox, subscription: Object, *, wanted: bool) -> None:
    """https://docs.stripe.com/billing/subscriptions/cancel"""
    _, end = subscribing.period_of(sandbox, subscription)
    reason = "cancellation_requested" if wanted else None
    subscription.update(
        cancel_at=end if wanted else None,
        canceled_at=sandbox.now if wanted else None,
        cancellation_details=subscription["cancellation_details"] | {"reason": reason},
    )


def change_trial(sandbox: Sandbox, subscription: Object, params: Params) -> None:
    wanted = params.get("trial_end")
    if wanted in {None, "now"}:
        return
    if not subscribing.is_trialing(sandbox, subscription) or wanted <= sandbox.now:
        raise invalid("The simulator moves the end of a running trial, to a later moment.", param="trial_end")
    subscription.update(trial_end=wanted, billing_cycle_anchor=wanted)
    for each in subscribing.items_of(sandbox, subscription):
        each["current_period_end"] = wanted


@accepts(cancellation_details=cancellation_details, invoice_now=boolean, prorate=boolean)
def cancel(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    subscription = sandbox.get("subscription", identifier)
    if subscription["status"] in {"canceled", "incomplete_expired"}:
        raise missing("subscription", identifier)
    if params.get("invoice_now") or params.get("prorate"):
        raise invalid("The simulator does not prorate on cancelation.", param="prorate")
    refuse_scheduled(subscription, "canceling it directly")
    subscription["cancellation_details"] |= params.get("cancellation_details", {})
    return lifecycle.end(sandbox, subscription)


@accepts(
    DATED,
    customer=text,
    price=text,
    status=one_of(
        "active",
        "all",
        "canceled",
        "ended",
        "incomplete",
        "incomplete_expired",
        "past_due",
        "paused",
        "trialing",
        "unpaid",
    ),
    test_clock=text,
)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    """Without a status, those that are not canceled."""
    equal = {name: params[name] for name in ("customer", "test_clock") if name in params}
    refuse_unknown_customer(sandbox, params)
    found = [each for each in reversed(sandbox.all("subscription", **equal)) if has_status(each, params.get("status"))]
    if "price" in params:
        found = [
            each for each in found if sandbox.all("subscription_item", subscription=each["id"], price=params["price"])
        ]
    return page(found, params, url="/v1/subscriptions")


def has_status(subscription: Object, wanted: str | None) -> bool:
    ended = subscription["status"] in {"canceled", "incomplete_expired"}
    if wanted is None:
        return bool(subscription["status"] != "canceled")
    return wanted == "all" or subscription["status"] == wanted or (wanted == "ended" and ended)


@accepts()
def retrieve_item(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("subscription_item", identifier)


@accepts(PAGING, subscription=Required(text))
def list_items(sandbox: Sandbox, params: Params) -> Page:
    found = sandbox.all("subscription_item", subscription=params["subscription"])
    return page(found, params, url="/v1/subscription_items")


@accepts(PAGING)
def list_of_customer(sandbox: Sandbox, params: Params, identifier: str) -> Page:
    found = [each for each in sandbox.all("subscription", customer=identifier) if each["status"] != "canceled"]
    return page(found[::-1], params, url=f"/v1/customers/{identifier}/subscriptions")
