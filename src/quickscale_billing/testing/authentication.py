"""The end of a 3-D Secure challenge. https://docs.stripe.com/payments/3d-secure"""

from __future__ import annotations

from quickscale_billing.testing.payments import Presence, attempt, fail_authentication
from quickscale_billing.testing.sandbox import Object, Sandbox


def finish(sandbox: Sandbox, intent: Object, *, passed: bool) -> Object:
    with sandbox.on_clock_of(intent["customer"]):
        return attempt(sandbox, intent, Presence.AUTHENTICATED) if passed else fail_authentication(sandbox, intent)
