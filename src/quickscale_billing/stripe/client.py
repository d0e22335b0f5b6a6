"""The one factory of clients of Stripe, and what its errors mean to us."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeVar

import stripe
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from quickscale_billing.exceptions import StripeRefused, StripeUnavailable
from quickscale_credits.ledger.joining import refuse_open_transaction

T = TypeVar("T")

API_VERSION = "2026-05-27.dahlia"
"""The version that our readers were written for and are tested with."""
REQUEST_TIMEOUT = 5
"""Seconds that a person in front of a page may be kept waiting for each call."""
WAITS = (0.1, 0.3, 0.6)
"""Seconds between looks at whether another process has its answer."""


class KeyInUse(StripeUnavailable):
    """Another process sends the same request at this moment."""


def stripe_client(*, timeout: float = REQUEST_TIMEOUT) -> stripe.StripeClient:
    """With the key, the version and the host that the settings name now.

    Raises `RuntimeError` inside an open transaction: Stripe's answer would be waited for with rows locked.
    """
    refuse_open_transaction("A call to Stripe")
    return _made(secret_key(), api_version(), getattr(settings, "STRIPE_API_HOST", None), timeout)


def is_live() -> bool:
    return bool(getattr(settings, "STRIPE_LIVE_MODE", False))


def secret_key() -> str:
    """The key that dj-stripe would use, so that both speak with one account in one mode."""
    if key := getattr(settings, "STRIPE_SECRET_KEY", ""):
        return str(key)
    name = "STRIPE_LIVE_SECRET_KEY" if is_live() else "STRIPE_TEST_SECRET_KEY"
    if key := getattr(settings, name, ""):
        return str(key)
    raise ImproperlyConfigured(f"Set {name} to a secret key of your Stripe account.")


def api_version() -> str:
    """Never the one that the installed stripe-python or the account happens to have: Stripe's objects differ by it."""
    return str(getattr(settings, "STRIPE_API_VERSION", None) or API_VERSION)


@contextmanager
def asking_stripe() -> Iterator[None]:
    """Stripe's errors become ours: `StripeUnavailable` if the same call may succeed later, else `StripeRefused`."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise StripeUnavailable(f"Stripe could not be reached: {error.user_message or error}") from error
    except stripe.StripeError as error:
        if error.http_status == HTTPStatus.CONFLICT:  # https://docs.stripe.com/api/errors
            raise KeyInUse("The same request is under way: try again in a moment.") from error
        if _is_passing(error):
            raise StripeUnavailable(f"Stripe could not answer: {error.user_message or error}") from error
        param = getattr(error, "param", None)
        raise StripeRefused(str(error.user_message or error), code=error.code or "", param=param or "") from error


def ask_once(ask: Callable[[], Any]) -> dict[str, Any]:
    """The answer to a request with an idempotency key; while another process has it under way, wait for that."""
    for seconds in WAITS:
        with suppress(KeyInUse), asking_stripe():
            return plain(ask())
        time.sleep(seconds)
    with asking_stripe():
        return plain(ask())


def if_known(ask: Callable[[], T]) -> T | None:
    """What was asked; None where Stripe knows no such object, or knows it no more.

    https://docs.stripe.com/error-codes#resource-missing
    """
    try:
        return ask()
    except StripeRefused as refusal:
        if refusal.code != "resource_missing":
            raise
        return None


def plain(found: Any) -> dict[str, Any]:
    """A Stripe object as the JSON that it came from: outside this package nobody sees any other."""
    data: dict[str, Any] = found.to_dict()
    return data


def _is_passing(error: stripe.StripeError) -> bool:
    status = error.http_status or 0
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS


@lru_cache(maxsize=8)
def _made(key: str, version: str, host: str | None, timeout: float) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        stripe_version=version,
        base_addresses={"api": host} if host else {},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=timeout),
    )
