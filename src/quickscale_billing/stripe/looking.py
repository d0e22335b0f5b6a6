"""What an operator is shown of Stripe and of dj-stripe's deliveries. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from djstripe.models import WebhookEventTrigger

from quickscale_billing.models import Payment
from quickscale_billing.stripe import retrieving
from quickscale_billing.stripe.client import asking_stripe, plain, stripe_client
from quickscale_billing.stripe.readers import Json

SHOWN = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """`error` is why it was refused, or why it failed."""

    received_at: datetime
    event_type: str
    is_valid: bool
    is_processed: bool
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Of deliveries that are kept: a week's."""

    last_received_at: datetime | None
    received: int
    refused: int
    failed: int


def payment(payment_intent_id: str) -> Json:
    """As Stripe has it now, with its charge."""
    with asking_stripe():
        return plain(stripe_client().v1.payment_intents.retrieve(payment_intent_id, {"expand": ["latest_charge"]}))


def differences(row: Payment, told: Json) -> list[str]:
    """What our row says otherwise; refunds and disputes are asked for, too."""
    state = retrieving.payment(str(row.stripe_payment_intent_id))
    pairs: list[tuple[str, Any, Any]] = [
        ("amount", row.amount, state.amount),
        ("currency", row.currency, state.currency),
        ("refunded", row.refunded, state.refunded),
        ("disputed", row.disputed, state.lost),
    ]
    return [f"{name}: {ours} / {stripes}" for name, ours, stripes in pairs if ours != stripes]


def deliveries_about(stripe_ids: list[str]) -> list[Delivery]:
    """The latest that name one of these ids."""
    if not stripe_ids:
        return []
    naming = reduce(or_, (Q(body__contains=f'"{each}"') for each in stripe_ids))
    return [_shown(each) for each in WebhookEventTrigger.objects.filter(naming).order_by("-pk")[:SHOWN]]


def health(since: datetime) -> Health:
    kept = WebhookEventTrigger.objects.filter(created__gte=since)
    last = WebhookEventTrigger.objects.filter(valid=True).order_by("-pk").first()
    return Health(
        last_received_at=last.created if last else None,
        received=kept.count(),
        refused=kept.filter(valid=False).count(),
        failed=kept.filter(valid=True, processed=False).count(),
    )


def refused(since: datetime, until: datetime) -> int:
    """How many deliveries were refused, of those that are kept."""
    within = WebhookEventTrigger.objects.filter(created__gte=since, created__lt=until)
    return int(within.filter(valid=False).count())


def _shown(trigger: Any) -> Delivery:
    body = trigger.json_body
    return Delivery(
        received_at=trigger.created,
        event_type=str(body.get("type", "")) if isinstance(body, dict) else "",
        is_valid=trigger.valid,
        is_processed=trigger.processed,
        error=trigger.exception or "",
    )
