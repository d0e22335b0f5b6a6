"""Customers at Stripe."""

from __future__ import annotations

from typing import Any

from quickscale_billing.stripe.client import ask_once, asking_stripe, plain, stripe_client

REFERENCE = "quickscale_customer"


def create(*, reference: str, email: str) -> dict[str, Any]:
    """Stripe makes one customer for one reference, however often it is asked within a day."""
    params: Any = {"metadata": {REFERENCE: reference}}
    if email:
        params["email"] = email
    options: Any = {"idempotency_key": f"quickscale-customer-{reference}"}
    return ask_once(lambda: stripe_client().v1.customers.create(params, options))


def find(*, reference: str, email: str, since: int) -> dict[str, Any] | None:
    """The customer of this reference among those made since (a Unix time), when Stripe has forgotten the request."""
    params: Any = {"limit": 100} | ({"email": email} if email else {})
    with asking_stripe():
        for found in stripe_client().v1.customers.list(params).auto_paging_iter():
            customer = plain(found)
            if customer["metadata"].get(REFERENCE) == reference:
                return customer
            if customer["created"] < since:
                break
    return None
