"""The end of a 3-D Secure challenge. https://docs.stripe.com/payments/3d-secure"""

from __future__ import annotations

from quickscale_billing.testing import payments, saving
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.sandbox import Object, Sandbox


def finish(sandbox: Sandbox, intent: Object, *, passed: bool) -> Object:
    """Of a payment intent or a setup intent, in the time of its customer."""
    pays = intent["object"] == "payment_intent"
    attempt, refuse = (
        (payments.attempt, payments.fail_authentication) if pays else (saving.attempt, saving.fail_authentication)
    )
    with sandbox.on_clock_of(intent["customer"]):
        return attempt(sandbox, intent, Presence.AUTHENTICATED) if passed else refuse(sandbox, intent)
