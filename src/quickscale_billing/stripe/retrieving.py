"""Asking Stripe what is true now. Nothing here may be called inside a transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from quickscale_billing.exceptions import StripeRefused, StripeUnavailable
from quickscale_billing.stripe.client import asking_stripe, plain, stripe_client
from quickscale_billing.stripe.payment_readers import PaymentState, read_payment
from quickscale_billing.stripe.readers import (
    InvoiceState,
    Json,
    SessionState,
    SubscriptionState,
    read_invoice,
    read_session,
    read_subscription,
)
from quickscale_billing.stripe.taxes import TaxRate, read_rate

logger = logging.getLogger(__name__)

PAGE = 100


def session(stripe_id: str) -> SessionState:
    with asking_stripe():
        sessions = stripe_client().v1.checkout.sessions
        found = plain(sessions.retrieve(stripe_id, {"expand": ["total_details.breakdown"]}))
        lines = sessions.line_items.list(stripe_id, {"limit": PAGE}) if found["mode"] == "payment" else None
        return read_session(found, [plain(line) for line in lines.auto_paging_iter()] if lines else [])


def subscription(stripe_id: str) -> SubscriptionState:
    with asking_stripe():
        expanded: Any = {"expand": ["latest_invoice", "schedule"]}
        return read_subscription(plain(stripe_client().v1.subscriptions.retrieve(stripe_id, expanded)))


def subscriptions_of(customer_id: str) -> list[str]:
    """The ids of those that have not ended."""
    with asking_stripe():
        asked: Any = {"customer": customer_id, "limit": PAGE}
        found = [plain(each) for each in stripe_client().v1.subscriptions.list(asked).auto_paging_iter()]
    return [each["id"] for each in found if each["status"] != "incomplete_expired"]


def invoice(stripe_id: str) -> InvoiceState:
    """Any, drafts too, with what paid it and why nothing did."""
    with asking_stripe():
        asked: Any = {"expand": ["payments.data.payment.payment_intent"]}
        found = plain(stripe_client().v1.invoices.retrieve(stripe_id, asked))
        return read_invoice(found, list(_lines(found)))


def invoices(subscription_id: str, since: datetime | None) -> list[InvoiceState]:
    """Every one of the subscription that was made since, oldest first, with all its lines and what paid it."""
    with asking_stripe():
        asked: Any = {"subscription": subscription_id, "limit": PAGE, "expand": ["data.payments"]}
        if since is not None:
            asked["created"] = {"gte": int(since.timestamp())}
        found = [plain(each) for each in stripe_client().v1.invoices.list(asked).auto_paging_iter()]
        read = [read_invoice(each, list(_lines(each))) for each in found]
    return sorted(read, key=lambda each: (each.created, each.id))


def payment(stripe_id: str) -> PaymentState:
    """With all of its refunds and disputes."""
    of_it: Any = {"payment_intent": stripe_id, "limit": PAGE}
    refunds: list[Json]
    disputes: list[Json]
    with asking_stripe():
        client = stripe_client().v1
        found = plain(client.payment_intents.retrieve(stripe_id, {"expand": ["latest_charge"]}))
        refunds = [plain(each) for each in client.refunds.list(of_it).auto_paging_iter()]
        disputes = [plain(each) for each in client.disputes.list(of_it).auto_paging_iter()]
    return read_payment(found, refunds, disputes)


def new_payment(stripe_id: str) -> PaymentState:
    """One that was not known yet: refunds and disputes are asked for only where its charge says that there are any."""
    with asking_stripe():
        found = plain(stripe_client().v1.payment_intents.retrieve(stripe_id, {"expand": ["latest_charge"]}))
    charge = found.get("latest_charge") or {}
    if charge.get("amount_refunded") or charge.get("disputed"):
        return payment(stripe_id)
    return read_payment(found, [], [])


def sold_by(payment_intent_id: str) -> tuple[str | None, str | None]:
    """The session or else the invoice that this paid."""
    with asking_stripe():
        client = stripe_client().v1
        sessions = client.checkout.sessions.list({"payment_intent": payment_intent_id, "limit": 1}).data
        if sessions:
            return sessions[0].id, None
        asked: Any = {"payment": {"type": "payment_intent", "payment_intent": payment_intent_id}, "limit": 1}
        paid = [plain(each) for each in client.invoice_payments.list(asked).data]
        return None, (str(paid[0]["invoice"]) if paid else None)


def tax_rates(stripe_ids: Iterable[str]) -> dict[str, TaxRate]:
    """Those that Stripe tells us of: a key may not be allowed to read them, and no money waits for a name."""
    found: dict[str, TaxRate] = {}
    for stripe_id in stripe_ids:
        try:
            with asking_stripe():
                found[stripe_id] = read_rate(plain(stripe_client().v1.tax_rates.retrieve(stripe_id)))
        except (StripeRefused, StripeUnavailable) as problem:
            logger.warning("The tax rate %s has no name on receipts: %s", stripe_id, problem)
    return found


def _lines(invoice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """An invoice brings its first ten lines along."""
    if not invoice["lines"]["has_more"]:
        yield from invoice["lines"]["data"]
        return
    pages = stripe_client().v1.invoices.line_items.list(invoice["id"], {"limit": PAGE})
    yield from map(plain, pages.auto_paging_iter())
