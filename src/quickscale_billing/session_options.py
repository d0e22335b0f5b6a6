"""What Stripe is asked for when it shall make a Checkout session."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from quickscale_billing.conf import conf
from quickscale_billing.models import CheckoutSession, Customer, Fact, PlanPrice

# Ours to say: who pays, what for, and where they come back to.
RESERVED = frozenset(
    {
        "cancel_url",
        "client_reference_id",
        "currency",
        "customer",
        "customer_account",
        "customer_creation",
        "customer_email",
        "line_items",
        "mode",
        "return_url",
        "subscription_data.trial_end",
        "subscription_data.trial_period_days",
        "success_url",
        "ui_mode",
    }
)
# Stripe refuses these in a session of the other mode.
ONLY_PAYMENT = frozenset({"invoice_creation", "payment_intent_data", "submit_type"})
ONLY_SUBSCRIPTION = frozenset({"payment_method_collection", "subscription_data"})


def request_of(session: CheckoutSession, customer: Customer) -> dict[str, Any]:
    """`CHECKOUT`, and over it what is ours."""
    ours: dict[str, Any] = {
        "mode": session.mode,
        "customer": customer.stripe_id,
        "line_items": [{"price": session.stripe_price_id, "quantity": 1}],
        "success_url": session.success_url,
        "cancel_url": session.cancel_url,
        "client_reference_id": str(session.pk),
        "metadata": (metadata := _metadata(session)),
    }
    if session.plan_price is None:
        ours["payment_intent_data"] = {"metadata": metadata}
    else:
        ours["subscription_data"] = {"metadata": metadata} | _trial(session, session.plan_price)
    return _merged(passed_on(session.mode), ours)


def request_key(session: CheckoutSession, request: dict[str, Any]) -> str:
    """One session for one row, though we are killed before Stripe's answer; another, if the settings changed since."""
    content = json.dumps(request, sort_keys=True, default=str)
    return f"quickscale-checkout-{session.pk}-{sha256(content.encode()).hexdigest()[:16]}"


def passed_on(mode: str) -> dict[str, Any]:
    unfit = ONLY_SUBSCRIPTION if mode == CheckoutSession.Mode.PAYMENT else ONLY_PAYMENT
    return {key: value for key, value in conf.CHECKOUT.items() if key not in unfit | RESERVED}


def reserved_in(options: dict[str, Any]) -> list[str]:
    """The keys of `CHECKOUT` that it cannot say."""
    inner = options.get("subscription_data")
    nested = [f"subscription_data.{key}" for key in inner] if isinstance(inner, dict) else []
    return sorted(RESERVED.intersection([*options, *nested]))


def _metadata(session: CheckoutSession) -> dict[str, str]:
    return {"quickscale_checkout": str(session.pk), "quickscale_account": str(session.account_id)}


def _trial(session: CheckoutSession, price: PlanPrice) -> dict[str, Any]:
    """Each owner has one trial, ever."""
    days = price.plan.trial_days
    if not days or Fact.objects.filter(account=session.account, kind=Fact.Kind.TRIAL).exists():
        return {}
    return {"trial_period_days": days}


def _merged(given: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    merged = given | ours
    for key in given.keys() & ours.keys():
        if isinstance(given[key], dict) and isinstance(ours[key], dict):
            merged[key] = _merged(given[key], ours[key])
    return merged
