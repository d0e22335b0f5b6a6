"""Checkout sessions at Stripe."""

from __future__ import annotations

from typing import Any

from quickscale_billing.exceptions import StripeRefused
from quickscale_billing.stripe.client import ask_once, asking_stripe, plain, stripe_client


def create(params: Any, *, idempotency_key: str) -> dict[str, Any]:
    options: Any = {"idempotency_key": idempotency_key}
    return ask_once(lambda: stripe_client().v1.checkout.sessions.create(params, options))


def has_failed(stripe_id: str) -> bool:
    """Whether the payment of a complete session came to nothing; one that takes days may still be under way.

    https://docs.stripe.com/payments/paymentintents/lifecycle
    """
    with asking_stripe():
        found = plain(stripe_client().v1.checkout.sessions.retrieve(stripe_id, {"expand": ["payment_intent"]}))
    payment = found.get("payment_intent") or {}
    return payment.get("status") in {"requires_payment_method", "canceled"}


def expire(stripe_id: str) -> None:
    """Nobody can pay it any more; one that has ended before stays as it ended."""
    try:
        with asking_stripe():
            stripe_client().v1.checkout.sessions.expire(stripe_id)
    except StripeRefused as refusal:
        if refusal.code == "resource_missing":
            raise


def find(*, customer: str, reference: str) -> dict[str, Any] | None:
    """The session of this reference, when Stripe has forgotten the request that made it."""
    params: Any = {"customer": customer, "limit": 100}
    with asking_stripe():
        for found in stripe_client().v1.checkout.sessions.list(params).auto_paging_iter():
            if found.client_reference_id == reference:
                return plain(found)
    return None
