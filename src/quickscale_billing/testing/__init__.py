"""Stripe's simulator, for the tests of host projects, the demo and a laptop on a train."""

from quickscale_billing.testing.simulator import StripeSimulator

__all__ = ["StripeSimulator"]
