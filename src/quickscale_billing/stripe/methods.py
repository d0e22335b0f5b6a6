"""Cards and other payment methods, which Stripe alone keeps. Nothing here may be called inside a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quickscale_billing.stripe.client import ask_once, asking_stripe, if_known, plain, stripe_client

PAGE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class SetupState:
    """A Checkout session in which a card was to be kept; the method is there once it is complete."""

    id: str
    customer_id: str
    status: str
    method_id: str | None

    @property
    def is_complete(self) -> bool:
        return self.status == "complete"


def of_customer(customer_id: str) -> tuple[list[dict[str, Any]], str | None]:
    """The methods, newest first, and the id of the one that the customer's invoices are charged to.

    https://docs.stripe.com/api/payment_methods/customer_list
    """
    with asking_stripe():
        customer = plain(stripe_client().v1.customers.retrieve(customer_id))
        if customer.get("deleted"):
            return [], None
        found = stripe_client().v1.customers.payment_methods.list(customer_id, {"limit": PAGE})
        methods = [plain(each) for each in found.auto_paging_iter()]
    return methods, customer["invoice_settings"]["default_payment_method"]


def of_subscription(subscription_id: str) -> str | None:
    """The one that this subscription is charged to, before the customer's."""
    with asking_stripe():
        found = plain(stripe_client().v1.subscriptions.retrieve(subscription_id))
    method: str | None = found["default_payment_method"]
    return method


def charge_customer_to(customer_id: str, method_id: str) -> None:
    with asking_stripe():
        settings: Any = {"invoice_settings": {"default_payment_method": method_id}}
        stripe_client().v1.customers.update(customer_id, settings)


def charge_subscription_to(subscription_id: str, method_id: str) -> None:
    with asking_stripe():
        stripe_client().v1.subscriptions.update(subscription_id, {"default_payment_method": method_id})


def detach(method_id: str) -> None:
    """It can never be charged again. https://docs.stripe.com/api/payment_methods/detach"""
    with asking_stripe():
        stripe_client().v1.payment_methods.detach(method_id)


def begin_setup(params: Any, *, key: str) -> dict[str, Any]:
    """https://docs.stripe.com/payments/checkout/save-and-reuse"""
    options: Any = {"idempotency_key": key}
    return ask_once(lambda: stripe_client().v1.checkout.sessions.create(params, options))


def setup(session_id: str) -> SetupState | None:
    """None where Stripe knows no such session, or one in which something was sold."""
    found = if_known(lambda: _setup(session_id))
    if found is None or found["mode"] != "setup" or not found["customer"]:
        return None
    intent = found["setup_intent"] or {}
    return SetupState(
        id=found["id"],
        customer_id=found["customer"],
        status=found["status"],
        method_id=intent.get("payment_method"),
    )


def portal(customer_id: str, return_url: str) -> str:
    """Where the customer may change it all. https://docs.stripe.com/api/customer_portal/sessions"""
    with asking_stripe():
        asked: Any = {"customer": customer_id, "return_url": return_url}
        return str(stripe_client().v1.billing_portal.sessions.create(asked).url)


def _setup(session_id: str) -> dict[str, Any]:
    expanded: Any = {"expand": ["setup_intent"]}
    with asking_stripe():
        return plain(stripe_client().v1.checkout.sessions.retrieve(session_id, expanded))
