"""What there is at Stripe, page by page: by the time that it was made, and not by events, which may be lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quickscale_billing.stripe.client import asking_stripe, plain, stripe_client
from quickscale_billing.stripe.readers import (
    InvoiceState,
    Json,
    SessionState,
    SubscriptionState,
    read_id,
    read_invoice,
    read_session,
    read_subscription,
    read_time,
)

PAGE = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A session, refund or dispute; `payment_id` is the payment intent that it is about."""

    id: str
    status: str
    created: datetime
    customer_id: str | None
    payment_id: str | None


def sessions(since: datetime) -> list[tuple[SessionState, datetime]]:
    """Without their lines."""
    found = _all(stripe_client().v1.checkout.sessions, _made(since))
    return [(read_session(each, []), read_time(each["created"])) for each in found]


def invoices(since: datetime) -> list[InvoiceState]:
    """All but drafts, with the first ten lines of each."""
    found = _all(stripe_client().v1.invoices, _made(since) | {"expand": ["data.payments"]})
    return [read_invoice(each, each["lines"]["data"]) for each in found if each["status"] != "draft"]


def subscriptions() -> list[SubscriptionState]:
    """Every one, whenever it began: it may have changed since."""
    asked = {"status": "all", "expand": ["data.latest_invoice", "data.schedule"]}
    return [read_subscription(each) for each in _all(stripe_client().v1.subscriptions, asked)]


def refunds(since: datetime) -> list[Listed]:
    return list(map(_about_a_payment, _all(stripe_client().v1.refunds, _made(since) | {"expand": ["data.charge"]})))


def disputes(since: datetime) -> list[Listed]:
    return list(map(_about_a_payment, _all(stripe_client().v1.disputes, _made(since) | {"expand": ["data.charge"]})))


def _made(since: datetime) -> dict[str, Any]:
    return {"created": {"gte": int(since.timestamp())}}


def _all(service: Any, asked: dict[str, Any]) -> list[Json]:
    with asking_stripe():
        return [plain(each) for each in service.list(asked | {"limit": PAGE}).auto_paging_iter()]


def _about_a_payment(found: Json) -> Listed:
    charge: Json = found.get("charge") or {}
    return Listed(
        id=found["id"],
        status=found.get("status") or "",
        created=read_time(found["created"]),
        customer_id=read_id(charge.get("customer")),
        payment_id=read_id(found.get("payment_intent")),
    )
