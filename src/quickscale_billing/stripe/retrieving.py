"""Asking Stripe what is true now. Nothing here may be called inside a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quickscale_billing.stripe.client import asking_stripe, plain, stripe_client
from quickscale_billing.stripe.readers import (
    InvoiceState,
    SessionState,
    SubscriptionState,
    read_invoice,
    read_session,
    read_subscription,
    subscription_of,
)

PAGE = 100


def session(stripe_id: str) -> SessionState:
    with asking_stripe():
        sessions = stripe_client().v1.checkout.sessions
        found = plain(sessions.retrieve(stripe_id))
        lines = sessions.line_items.list(stripe_id, {"limit": PAGE}) if found["mode"] == "payment" else None
        return read_session(found, [plain(line) for line in lines.auto_paging_iter()] if lines else [])


def subscription(stripe_id: str) -> SubscriptionState:
    with asking_stripe():
        expanded: Any = {"expand": ["latest_invoice", "schedule"]}
        return read_subscription(plain(stripe_client().v1.subscriptions.retrieve(stripe_id, expanded)))


def subscriptions_of(customer_id: str) -> list[tuple[str, str | None]]:
    """The ids of those that have not ended, each with that of the schedule that holds it."""
    with asking_stripe():
        asked: Any = {"customer": customer_id, "limit": PAGE}
        found = [plain(each) for each in stripe_client().v1.subscriptions.list(asked).auto_paging_iter()]
    return [(each["id"], each.get("schedule")) for each in found if each["status"] != "incomplete_expired"]


def subscription_of_invoice(stripe_id: str) -> str | None:
    """None for an invoice that belongs to none, such as one that somebody wrote by hand."""
    with asking_stripe():
        return subscription_of(plain(stripe_client().v1.invoices.retrieve(stripe_id)))


def paid_invoices(subscription_id: str) -> list[InvoiceState]:
    """Every one of the subscription, oldest first, with all its lines."""
    with asking_stripe():
        asked: Any = {"subscription": subscription_id, "status": "paid", "limit": PAGE}
        found = [plain(each) for each in stripe_client().v1.invoices.list(asked).auto_paging_iter()]
        read = [read_invoice(each, list(_lines(each))) for each in found]
    return sorted(read, key=lambda each: (each.created, each.id))


def _lines(invoice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """An invoice brings its first ten lines along."""
    if not invoice["lines"]["has_more"]:
        yield from invoice["lines"]["data"]
        return
    pages = stripe_client().v1.invoices.line_items.list(invoice["id"], {"limit": PAGE})
    yield from map(plain, pages.auto_paging_iter())
