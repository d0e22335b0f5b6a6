"""dj-stripe's webhook view, kept within bounds: what it stores, what it believes, and what we note of an event.

The view stores a delivery before it checks the signature, and whatever it cannot store or read it answers with a 500;
so what could not be genuine is replaced before it is stored, and then fails the check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Final

from django.db.models.signals import post_save, pre_save
from django.utils import timezone
from djstripe.enums import WebhookEndpointValidation
from djstripe.models import Event, WebhookEventTrigger
from djstripe.signals import WEBHOOK_SIGNALS, webhook_post_validate

from quickscale_billing import inbox
from quickscale_billing.models import Customer, InboxItem
from quickscale_billing.stripe.client import is_live

MOST_BYTES: Final = 256 * 1024
MOST_DELIVERIES: Final = 10_000
KEPT_FOR: Final = timedelta(days=7)
KEPT_HEADERS: Final = {"stripe-signature", "content-type", "user-agent"}
SECRET_HEADER: Final = "x-djstripe-webhook-secret"  # noqa: S105 - the name of a header

Kind = InboxItem.Kind
EVENTS: Final[dict[str, InboxItem.Kind]] = {
    "checkout.session.completed": Kind.SESSION,
    "checkout.session.async_payment_succeeded": Kind.SESSION,
    "checkout.session.async_payment_failed": Kind.SESSION,
    "checkout.session.expired": Kind.SESSION,
    "customer.subscription.created": Kind.SUBSCRIPTION,
    "customer.subscription.updated": Kind.SUBSCRIPTION,
    "customer.subscription.deleted": Kind.SUBSCRIPTION,
    "customer.subscription.paused": Kind.SUBSCRIPTION,
    "customer.subscription.resumed": Kind.SUBSCRIPTION,
    "customer.subscription.pending_update_applied": Kind.SUBSCRIPTION,
    "customer.subscription.pending_update_expired": Kind.SUBSCRIPTION,
    "invoice.paid": Kind.INVOICE,
    "invoice.payment_failed": Kind.INVOICE,
    "invoice.payment_action_required": Kind.INVOICE,
    "invoice.voided": Kind.INVOICE,
    "invoice.marked_uncollectible": Kind.INVOICE,
    "charge.refunded": Kind.PAYMENT,
    "charge.refund.updated": Kind.PAYMENT,
    "refund.created": Kind.PAYMENT,
    "refund.updated": Kind.PAYMENT,
    "refund.failed": Kind.PAYMENT,
    "charge.dispute.created": Kind.PAYMENT,
    "charge.dispute.updated": Kind.PAYMENT,
    "charge.dispute.closed": Kind.PAYMENT,
    "charge.dispute.funds_withdrawn": Kind.PAYMENT,
    "charge.dispute.funds_reinstated": Kind.PAYMENT,
    "subscription_schedule.released": Kind.SUBSCRIPTION,
    "subscription_schedule.updated": Kind.SUBSCRIPTION,
    "subscription_schedule.canceled": Kind.SUBSCRIPTION,
}
"""The events that we ask Stripe for, and the kind of object that is to be retrieved after each."""


def connect() -> None:
    for event_type in EVENTS:
        WEBHOOK_SIGNALS[event_type].connect(note, sender=Event, dispatch_uid="quickscale_billing.note")
    pre_save.connect(make_storable, sender=WebhookEventTrigger, dispatch_uid="quickscale_billing.make_storable")
    post_save.connect(forget_oldest, sender=WebhookEventTrigger, dispatch_uid="quickscale_billing.forget_oldest")
    webhook_post_validate.connect(refuse, sender=WebhookEventTrigger, dispatch_uid="quickscale_billing.refuse")


def note(sender: type[Event], event: Event, **kwargs: Any) -> None:
    """Within dj-stripe's transaction, which is open during its own calls to Stripe: only a row is written."""
    told: Mapping[str, Any] = event.data["object"]
    kind = EVENTS[event.type]
    if stripe_id := _named_by(told, kind):
        inbox.receive(kind, stripe_id, event_type=event.type)


def make_storable(sender: type[WebhookEventTrigger], instance: WebhookEventTrigger, **kwargs: Any) -> None:
    """Of the headers only those that are needed: cookies and keys are nobody's business."""
    if instance.pk is not None:
        return
    told = {name.lower(): value for name, value in instance.headers.items()}
    instance.headers = {name: value for name, value in told.items() if name in KEPT_HEADERS and value.isascii()}
    instance.has_own_secret = SECRET_HEADER in told
    instance.remote_ip = _address(instance.remote_ip)
    if not _may_be_an_event(instance.body):
        instance.body = ""


def forget_oldest(sender: type[WebhookEventTrigger], instance: WebhookEventTrigger, created: bool, **kw: Any) -> None:
    """Whoever floods the address must not fill the disk; ids have gaps, so that it may be fewer."""
    if created:
        WebhookEventTrigger.objects.filter(pk__lte=instance.pk - MOST_DELIVERIES).delete()


def forget_old() -> int:
    deleted, _ = WebhookEventTrigger.objects.filter(created__lt=timezone.now() - KEPT_FOR).delete()
    return int(deleted)


def refuse(sender: type[WebhookEventTrigger], instance: WebhookEventTrigger, **kwargs: Any) -> None:
    """What dj-stripe believes and we do not: the other mode, a secret that the sender chose, nothing checked at all."""
    method = instance.webhook_endpoint.djstripe_validation_method
    is_checked = method == WebhookEndpointValidation.verify_signature and not instance.has_own_secret
    if not (is_checked and _is_of_our_mode(instance.json_body.get("livemode"))):
        instance.valid = False


def _is_of_our_mode(livemode: object) -> bool:
    """That of the settings, and of the customers that this database has: it holds one mode only."""
    return livemode is is_live() and not Customer.objects.exclude(livemode=is_live()).exists()


def _may_be_an_event(body: str) -> bool:
    try:
        return len(body.encode()) <= MOST_BYTES and "\x00" not in body and isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def _address(claimed: str) -> str:
    try:
        return str(ip_address(claimed))
    except ValueError:
        return "0.0.0.0"  # noqa: S104 - as dj-stripe writes an address that it does not know


def _named_by(told: Mapping[str, Any], kind: InboxItem.Kind) -> str | None:
    """The id of what is to be retrieved: mostly the object itself, else what it belongs to."""
    if told.get("object") == "subscription_schedule":
        return told.get("subscription") or told.get("released_subscription")
    return told.get("payment_intent") if kind == Kind.PAYMENT else told.get("id")
