"""The end of a 3-D Secure challenge. https://docs.stripe.com/payments/3d-secure"""

from __future__ import annotations

from quickscale_billing.testing import payments, saving
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.sandbox import Object, Sandbox


def finish(sandbox: Sandbox, intent: Object, *, passed: bool) -> Object:
    """Of a payment intent or a setup intent, in the time of its customer."""
    family = payments if intent["object"] == "payment_intent" else saving
    with sandbox.on_clock_of(intent["customer"]):
        if passed:
            return family.attempt(sandbox, intent, Presence.AUTHENTICATED)
        return family.fail_authentication(sandbox, intent)
