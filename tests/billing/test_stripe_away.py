"""Stripe is busy, or does not answer: whoever waits is told to try again, and nothing is done twice."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from quickscale_billing import checkout
from quickscale_billing.exceptions import StripeUnavailable
from quickscale_billing.models import CheckoutSession
from quickscale_billing.stripe.client import asking_stripe, stripe_client


@contextmanager
def silence(settings: Any) -> Iterator[None]:
    """Stripe's address takes connections, and says nothing."""
    answering = settings.STRIPE_API_HOST
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.STRIPE_API_HOST = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield
    settings.STRIPE_API_HOST = answering


@pytest.mark.once
def test_stripe_that_is_busy_or_silent_may_be_asked_again(shop: Any, user: Any, settings: Any) -> None:
    with silence(settings), pytest.raises(StripeUnavailable, match="could not be reached"), asking_stripe():
        stripe_client(timeout=0.05).v1.products.list()
    with shop.outage(429), pytest.raises(StripeUnavailable, match="Try again later"):
        checkout.start(user, "large", idempotency_key="visit-1")
    first = checkout.start(user, "large", idempotency_key="visit-1")
    assert checkout.start(user, "large", idempotency_key="visit-1") == first
    assert CheckoutSession.objects.count() == 1
