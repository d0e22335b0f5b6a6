"""The webhook endpoint at Stripe and dj-stripe's row of it: making them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin
from uuid import uuid4

from django.urls import NoReverseMatch, reverse
from djstripe.enums import WebhookEndpointValidation
from djstripe.models import WebhookEndpoint

from quickscale_billing.stripe.client import api_version, asking_stripe, is_live, plain, secret_key, stripe_client
from quickscale_billing.stripe.webhooks import EVENTS

VIEW = "djstripe:djstripe_webhook_by_uuid"


def create(base_url: str) -> WebhookEndpoint:
    """At Stripe, for our events in our version, with an address under this one; its secret is kept in the row."""
    uuid = uuid4()
    asked: Any = {
        "url": urljoin(base_url, reverse(VIEW, kwargs={"uuid": uuid})),
        "enabled_events": sorted(EVENTS),
        "api_version": api_version(),
        "metadata": {"djstripe_uuid": str(uuid)},
    }
    with asking_stripe():
        made = stripe_client().v1.webhook_endpoints.create(asked)
        return WebhookEndpoint.sync_from_stripe_data(made, api_key=secret_key())


def problems() -> Iterator[str]:
    """What keeps Stripe's events from reaching us, and the remedy; nothing if all is well."""
    try:
        reverse(VIEW, kwargs={"uuid": uuid4()})
    except NoReverseMatch:
        yield (
            "dj-stripe's address is not served: add "
            'path("stripe/", include("djstripe.urls", namespace="djstripe")) to your urls.py.'
        )
        return
    known = {row.id: row for row in WebhookEndpoint.objects.filter(livemode=is_live())}
    with asking_stripe():
        found = [plain(each) for each in stripe_client().v1.webhook_endpoints.list({"limit": 100}).auto_paging_iter()]
    ours = [each for each in found if each["id"] in known]
    if not ours:
        yield "Stripe has no webhook endpoint of ours: run check_webhooks --create https://YOUR.HOST"
    for each in ours:
        yield from (f"{each['url']} {problem}" for problem in _problems_of(each, known[each["id"]]))


def _problems_of(found: dict[str, Any], row: WebhookEndpoint) -> Iterator[str]:
    if found["status"] != "enabled":
        yield "is disabled at Stripe: enable it there."
    if "*" not in found["enabled_events"] and (missing := EVENTS.keys() - set(found["enabled_events"])):
        yield f"is not told of {', '.join(sorted(missing))}: add these events at Stripe."
    if found["api_version"] != api_version():
        version = found["api_version"] or "the account's default version"
        yield f"is told in {version}, not in {api_version()}: make another endpoint, and delete this one."
    if not found["url"].rstrip("/").endswith(str(row.djstripe_uuid)):
        yield f"does not end in {row.djstripe_uuid}, by which dj-stripe knows it: correct its address at Stripe."
    yield from _problems_of_row(row)


def _problems_of_row(row: WebhookEndpoint) -> Iterator[str]:
    if not row.secret:
        yield "has no secret here, so that every event is refused: make another endpoint, and delete this one."
    if row.djstripe_validation_method != WebhookEndpointValidation.verify_signature:
        yield "does not verify signatures, so that every event is refused: set verify_signature in dj-stripe's admin."
    if not row.djstripe_tolerance:
        yield "believes events of any age: set a tolerance of 300 in dj-stripe's admin."
