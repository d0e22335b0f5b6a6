"""Which page answers which address."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from quickscale_billing.testing.pages import authenticating, invoice, panel, paying, portal
from quickscale_billing.testing.pages.markup import Reply, not_found, page, paragraph, redirect, style

if TYPE_CHECKING:
    from quickscale_billing.testing.simulator import StripeSimulator

Page = Callable[..., Reply]

PAGES: tuple[tuple[str, str, Page], ...] = (
    ("GET", r"/c/pay/(\w+)", paying.show),
    ("POST", r"/c/pay/(\w+)", paying.submit),
    ("GET", r"/authenticate/(\w+)", authenticating.show),
    ("POST", r"/authenticate/(\w+)", authenticating.submit),
    ("GET", r"/invoice/(\w+)(?:/pdf)?", invoice.show),
    ("POST", r"/invoice/(\w+)", invoice.submit),
    ("GET", r"/receipt/(\w+)", invoice.receipt),
    ("GET", r"/p/session/(\w+)", portal.show),
    ("POST", r"/p/session/(\w+)", portal.submit),
)
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Site:
    def __init__(self, simulator: StripeSimulator) -> None:
        self.simulator = simulator

    def reply(self, method: str, path: str, encoded: str, headers: Mapping[str, str]) -> Reply:
        if is_foreign(method, headers):
            return page("Refused", paragraph("Another site sent this form."), status=HTTPStatus.FORBIDDEN)
        if path in {"", "/"}:
            return redirect(panel.ADDRESS)
        if path == "/style.css":
            return style()
        values = dict(parse_qsl(encoded))
        if path == panel.ADDRESS:
            as_json = "application/json" in headers.get("Accept", "")
            return panel.reply(self.simulator, method, values, as_json=as_json)
        return self.hosted(method, path, values)

    def hosted(self, method: str, path: str, values: dict[str, str]) -> Reply:
        for verb, pattern, shown in PAGES:
            if verb == method and (found := re.fullmatch(pattern, path)):
                return self.answer(shown, values, found.groups())
        return not_found(f"There is no page at {path}.")

    def answer(self, shown: Page, values: dict[str, str], arguments: tuple[str, ...]) -> Reply:
        with self.simulator.sandbox.lock:
            reply = shown(self.simulator.sandbox, values, *arguments)
        # Stripe's checkout waits for the webhook's answer before it sends the customer on.
        # https://docs.stripe.com/checkout/fulfillment
        self.simulator.webhooks.flow()
        return reply


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """Whether some page in the browser, which is none of ours, sends a form here; or asks by another name than
    loopback's, as a page does that has its own name point here."""
    origin = urlsplit(headers.get("Origin", "")).hostname
    host = urlsplit(f"//{headers.get('Host', '')}").hostname
    return (method == "POST" and origin is not None and origin not in LOOPBACK) or host not in LOOPBACK
