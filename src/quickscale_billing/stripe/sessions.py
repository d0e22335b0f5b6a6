"""Checkout sessions at Stripe."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from quickscale_billing.exceptions import StripeRefused
from quickscale_billing.stripe.client import asking_stripe, plain, stripe_client


def create(params: dict[str, Any], *, idempotency_key: str) -> dict[str, Any]:
    options: Any = {"idempotency_key": idempotency_key}
    with asking_stripe():
        return plain(stripe_client().v1.checkout.sessions.create(params, options))  # type: ignore[arg-type]


def retrieve(stripe_id: str) -> dict[str, Any]:
    """With its payment, which tells a failed one from one that is under way."""
    with asking_stripe():
        return plain(stripe_client().v1.checkout.sessions.retrieve(stripe_id, {"expand": ["payment_intent"]}))


def expire(stripe_id: str) -> dict[str, Any]:
    """Nobody can pay it any more; one that has ended before stays as it ended."""
    with suppress(StripeRefused), asking_stripe():
        return plain(stripe_client().v1.checkout.sessions.expire(stripe_id))
    return retrieve(stripe_id)


def find(*, customer: str, reference: str) -> dict[str, Any] | None:
    """The session of this reference, when Stripe has forgotten the request that made it."""
    params: Any = {"customer": customer, "limit": 100}
    with asking_stripe():
        for found in stripe_client().v1.checkout.sessions.list(params).auto_paging_iter():
            if found.client_reference_id == reference:
                return plain(found)
    return None
