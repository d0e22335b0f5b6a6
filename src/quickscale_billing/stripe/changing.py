"""Changing a subscription at Stripe. Nothing here may be called inside a transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from quickscale_billing.exceptions import StripeRefused
from quickscale_billing.stripe.client import asking_stripe, plain, stripe_client
from quickscale_billing.stripe.readers import InvoiceState, read_id, read_invoice


def preview(subscription_id: str, item_id: str, price_id: str) -> tuple[InvoiceState, int]:
    """The invoice that `charge_now` would make at this moment, and what of it would be due, in minor units."""
    details: Any = {"items": [{"id": item_id, "price": price_id}], "proration_behavior": "always_invoice"}
    with asking_stripe():
        found = plain(
            stripe_client().v1.invoices.create_preview(
                {"subscription": subscription_id, "subscription_details": details}
            )
        )
    return read_invoice(found | {"id": found.get("id") or "preview"}, found["lines"]["data"]), found["amount_due"]


def charge_now(subscription_id: str, item_id: str, price_id: str, *, key: str) -> None:
    """The price changes once the difference is paid: https://docs.stripe.com/billing/subscriptions/pending-updates"""
    _update(
        subscription_id,
        {
            "items": [{"id": item_id, "price": price_id}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
        },
        key=key,
    )


def change_unpaid(subscription_id: str, item_id: str, price_id: str) -> None:
    """The price changes, and no money is moved for it."""
    items = [{"id": item_id, "price": price_id}]
    _update(subscription_id, {"items": items, "proration_behavior": "none"})


def change_at(subscription_id: str, price_id: str, interval: str, at: datetime) -> None:
    """From that moment on, the end of the period that is paid, by a schedule that then lets the subscription go.

    https://docs.stripe.com/billing/subscriptions/subscription-schedules
    """
    with asking_stripe():
        schedules = stripe_client().v1.subscription_schedules
        schedule = plain(schedules.create({"from_subscription": subscription_id}))
        phase = schedule["phases"][0]
        following = {"items": [{"price": price_id, "quantity": 1}], "duration": {"interval": interval}}
        phases: Any = [
            _as_sent(phase) | {"end_date": int(at.timestamp())},
            following | _discounts(phase) | _NO_PRORATION,
        ]
        schedules.update(schedule["id"], {"end_behavior": "release", "phases": phases} | _NO_PRORATION)


def release(schedule_id: str) -> None:
    """The subscription goes on as it is; Stripe refuses to cancel one that a schedule holds."""
    with asking_stripe():
        stripe_client().v1.subscription_schedules.release(schedule_id)


def cancel_at_period_end(subscription_id: str, *, cancel: bool) -> None:
    _update(subscription_id, {"cancel_at_period_end": cancel})


def cancel_now(subscription_id: str) -> None:
    """Also what a schedule holds, which is released first. One that has ended is let be, so it may be called again."""
    for looks_left in reversed(range(LOOKS)):
        try:
            _cancel_as_it_is(subscription_id)
        except StripeRefused:
            if not looks_left:
                raise
        else:
            return


def _cancel_as_it_is(subscription_id: str) -> None:
    with asking_stripe():
        subscriptions = stripe_client().v1.subscriptions
        found = plain(subscriptions.retrieve(subscription_id))
        if found["status"] in _ENDED:
            return
        if schedule_id := read_id(found.get("schedule")):
            release(schedule_id)
        subscriptions.cancel(subscription_id)


# Somebody else may release its schedule meanwhile, and then cancel it: either is refused the second time.
LOOKS: Final = 3
_ENDED: Final = ("canceled", "incomplete_expired")
_NO_PRORATION: Any = {"proration_behavior": "none"}


def _update(subscription_id: str, changes: Mapping[str, Any], *, key: str | None = None) -> None:
    options: Any = {} if key is None else {"idempotency_key": key}
    with asking_stripe():
        stripe_client().v1.subscriptions.update(subscription_id, dict(changes), options)  # type: ignore[arg-type]


def _as_sent(phase: Mapping[str, Any]) -> dict[str, Any]:
    """A phase as Stripe wants it back: what it says of the phase at hand, with ids for what it shows whole."""
    items = [{"price": item["price"], "quantity": item.get("quantity", 1)} for item in phase["items"]]
    kept = {name: phase[name] for name in ("start_date", "trial_end") if phase.get(name)}
    return {**kept, "items": items, **_discounts(phase), **_NO_PRORATION}


def _discounts(phase: Mapping[str, Any]) -> dict[str, Any]:
    """What is not sent again would be lost."""
    found = [{name: each for name, each in discount.items() if each} for discount in phase.get("discounts") or []]
    return {"discounts": found} if found else {}
