"""Which page answers which address."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from quickscale_billing.testing.pages import authenticating, paying
from quickscale_billing.testing.pages.markup import Reply, not_found, style
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.webhooks import Webhooks

Page = Callable[..., Reply]

PAGES: tuple[tuple[str, str, Page], ...] = (
    ("GET", r"/style\.css", lambda sandbox, values: style()),
    ("GET", r"/c/pay/(\w+)", paying.show),
    ("POST", r"/c/pay/(\w+)", paying.submit),
    ("GET", r"/authenticate/(\w+)", authenticating.show),
    ("POST", r"/authenticate/(\w+)", authenticating.submit),
)


class Site:
    def __init__(self, sandbox: Sandbox, webhooks: Webhooks) -> None:
        self.sandbox = sandbox
        self.webhooks = webhooks

    def reply(self, method: str, path: str, encoded: str) -> Reply:
        for verb, pattern, page in PAGES:
            if verb == method and (found := re.fullmatch(pattern, path)):
                return self.answer(page, dict(parse_qsl(encoded)), found.groups())
        return not_found(f"There is no page at {path}.")

    def answer(self, page: Page, values: dict[str, str], arguments: tuple[str | Any, ...]) -> Reply:
        with self.sandbox.lock:
            reply = page(self.sandbox, values, *arguments)
        if reply.status == HTTPStatus.SEE_OTHER:
            # Stripe's checkout waits for the webhook's answer before it sends the customer on.
            # https://docs.stripe.com/checkout/fulfillment
            self.webhooks.flow()
        return reply
