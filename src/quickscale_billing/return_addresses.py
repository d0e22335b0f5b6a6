"""Where Stripe sends a payer back to: only to hosts that are ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import validate_host
from django.urls import NoReverseMatch, reverse

from quickscale_billing.conf import conf

LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "testserver")


@dataclass(frozen=True, kw_only=True)
class ReturnAddresses:
    """Absolute addresses for after a payment, and for who turns away from it."""

    success: str
    cancel: str

    @classmethod
    def named(cls, *, success: str | None, cancel: str | None) -> Self:
        """Raises `ValueError` for a host that nobody has allowed: a payer would be led astray."""
        return cls(
            success=_allowed(success or conf.SUCCESS_URL or own_success_page()),
            cancel=_allowed(cancel or conf.CANCEL_URL or own_cancel_page()),
        )

    @classmethod
    def of(cls, request: HttpRequest, *, success: str | None = None) -> Self:
        """The settings' own, else our pages (or this one) on the host that was asked, where the payer is logged in."""
        here = request.build_absolute_uri("/").rstrip("/")
        return cls(
            success=_allowed(conf.SUCCESS_URL) if conf.SUCCESS_URL else f"{here}{success or own_success_page()}",
            cancel=_allowed(conf.CANCEL_URL) if conf.CANCEL_URL else f"{here}{own_cancel_page()}",
        )

    @classmethod
    def of_methods(cls, request: HttpRequest | None = None) -> Self:
        """Our pages of payment methods, on the host that was asked."""
        here = request.build_absolute_uri("/").rstrip("/") if request else site_address()
        added = f"{_page('payment_method_added')}?session_id={{CHECKOUT_SESSION_ID}}"
        return cls(success=f"{here}{added}", cancel=f"{here}{_page('payment_methods')}")


def own_success_page() -> str:
    return f"{_page('success')}?session_id={{CHECKOUT_SESSION_ID}}"


def own_cancel_page() -> str:
    return _page("canceled")


def _page(name: str) -> str:
    """The first page of the site where ours have no address, of which a system check warns: payments settle anyway."""
    try:
        return reverse(f"quickscale_billing:{name}")
    except NoReverseMatch:
        return "/"


def site_address() -> str:
    """`SITE_URL`, else the first of `ALLOWED_HOSTS`: a call from outside a request must know where the site is."""
    if conf.SITE_URL:
        return conf.SITE_URL
    host = next((host for host in settings.ALLOWED_HOSTS if not host.startswith(("*", "."))), "localhost:8000")
    scheme = "http" if host.partition(":")[0] in LOOPBACK else "https"
    return f"{scheme}://{host}"


def _allowed(address: str) -> str:
    if address.startswith("/") and not address.startswith(("//", "/\\")):
        return f"{site_address()}{address}"
    parts = urlsplit(address)
    if parts.scheme in ("http", "https") and _is_ours(parts.hostname or "") and "\\" not in address:
        return address
    raise ValueError(
        f"Stripe is not to lead anybody to {address!r}: its host must be in ALLOWED_HOSTS, or that of "
        f'{conf.setting}["SITE_URL"], and its scheme http or https.'
    )


def _is_ours(host: str) -> bool:
    """A lone * in ALLOWED_HOSTS says that somebody else checks the hosts of requests, not that all are ours."""
    named = [pattern for pattern in settings.ALLOWED_HOSTS if pattern != "*"]
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        named = [".localhost", "127.0.0.1", "[::1]"]
    known = [urlsplit(address).hostname for address in (conf.SITE_URL, conf.SUCCESS_URL, conf.CANCEL_URL) if address]
    return bool(host) and validate_host(host, [*named, *filter(None, known)])
