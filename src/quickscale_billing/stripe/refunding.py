"""Asking Stripe to pay back. https://docs.stripe.com/api/refunds/create"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from quickscale_billing.stripe.client import ask_once, asking_stripe, plain, stripe_client
from quickscale_billing.stripe.payment_readers import REFUND_TOKEN


def create(payment_intent_id: str, amount: int, token: UUID) -> str:
    """The id at Stripe; the same one, whenever it is asked again with this token within a day."""
    asked: Any = {
        "payment_intent": payment_intent_id,
        "amount": amount,
        "reason": "requested_by_customer",
        "metadata": {REFUND_TOKEN: str(token)},
    }
    options: Any = {"idempotency_key": f"quickscale-refund-{token}"}
    return str(ask_once(lambda: stripe_client().v1.refunds.create(asked, options))["id"])


def is_known(payment_intent_id: str, token: UUID) -> bool:
    """Whether Stripe has a refund with this token, though it may have forgotten the key that it was asked with."""
    with asking_stripe():
        asked: Any = {"payment_intent": payment_intent_id, "limit": 100}
        found = [plain(each) for each in stripe_client().v1.refunds.list(asked).auto_paging_iter()]
    return any((each.get("metadata") or {}).get(REFUND_TOKEN) == str(token) for each in found)
