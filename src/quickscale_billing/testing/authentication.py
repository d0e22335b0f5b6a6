"""The end of a 3-D Secure challenge. https://docs.stripe.com/payments/3d-secure"""

from __future__ import annotations

from quickscale_billing.testing import payments, saving
from quickscale_billing.testing.payments import Presence
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


def finish(sandbox: Sandbox, intent: Object, *, passed: bool) -> Object:
    """Of a payment intent or a setup intent, in the time of its customer."""
    with sandbox.on_clock_of(intent["customer"]):
        if intent["object"] == "setup_intent":
            return finish_setup(sandbox, intent, passed=passed)
        if passed:
            return payments.attempt(sandbox, intent, Presence.AUTHENTICATED)
        return payments.fail_authentication(sandbox, intent)


def finish_setup(sandbox: Sandbox, intent: Object, *, passed: bool) -> Object:
    if passed:
        return saving.attempt(sandbox, intent, Presence.AUTHENTICATED)
    return saving.fail_authentication(sandbox, intent)
