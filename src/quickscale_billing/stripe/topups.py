"""The one-off invoice that a top-up is at Stripe. Each step may be taken again: keys, and what is there already, see to
it that it is taken once. https://docs.stripe.com/billing/invoices/create"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from quickscale_billing.conf import conf
from quickscale_billing.models import TopUp
from quickscale_billing.stripe.client import ask_once, asking_stripe, plain, stripe_client
from quickscale_billing.stripe.readers import TOP_UP_TOKEN

# Between our clock and Stripe's.
SLACK: Final = timedelta(hours=1)


def draft(row: TopUp) -> str:
    """The id of the invoice of this row; the same one, whenever it is asked again within a day."""
    asked: Any = {
        "customer": row.stripe_customer_id,
        "currency": row.currency,
        "collection_method": "charge_automatically",
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "default_payment_method": row.stripe_method_id,
        "metadata": {TOP_UP_TOKEN: str(row.pk), "quickscale_account": str(row.account_id)},
    }
    if tax := conf.CHECKOUT.get("automatic_tax"):
        asked["automatic_tax"] = tax
    return str(ask_once(lambda: stripe_client().v1.invoices.create(asked, _once(row, "draft")))["id"])


def find(row: TopUp) -> str | None:
    """The id of the invoice of this row, though Stripe may have forgotten the key that it was asked for with."""
    since = int((row.created_at - SLACK).timestamp())
    asked: Any = {"customer": row.stripe_customer_id, "created": {"gte": since}, "limit": 100}
    with asking_stripe():
        for found in map(plain, stripe_client().v1.invoices.list(asked).auto_paging_iter()):
            if (found.get("metadata") or {}).get(TOP_UP_TOKEN) == str(row.pk):
                return str(found["id"])
    return None


def finalize(row: TopUp, *, has_line: bool) -> None:
    """Put the pack on the draft, and let Stripe count what is due. Nothing is collected."""
    client, invoice_id = stripe_client().v1, str(row.stripe_invoice_id)
    if not has_line:
        line: Any = {
            "customer": row.stripe_customer_id,
            "invoice": invoice_id,
            "pricing": {"price": row.stripe_price_id},
        }
        ask_once(lambda: client.invoice_items.create(line, _once(row, "line")))
    ask_once(lambda: client.invoices.finalize_invoice(invoice_id, {"auto_advance": False}, _once(row, "finalize")))


def pay(row: TopUp) -> None:
    """One attempt without the owner being there. An invoice is paid once at most, whoever tries it."""
    asked: Any = {"off_session": True}
    ask_once(lambda: stripe_client().v1.invoices.pay(str(row.stripe_invoice_id), asked, _once(row, "pay")))


def discard(invoice_id: str, *, is_draft: bool) -> None:
    """Nobody can pay it any more. Raises `StripeRefused` for one that was paid meanwhile."""
    client = stripe_client().v1.invoices
    with asking_stripe():
        if is_draft:
            client.delete(invoice_id)
        else:
            client.void_invoice(invoice_id)


def _once(row: TopUp, step: str) -> Any:
    return {"idempotency_key": f"quickscale-topup-{row.pk}-{step}"}
