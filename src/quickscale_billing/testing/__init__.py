"""Stripe's simulator, for the tests of host projects, the demo and a laptop on a train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quickscale_billing.testing.simulator import StripeSimulator

__all__ = ["StripeSimulator"]


def __getattr__(name: str) -> Any:
    # Not imported before it is asked for: pytest imports this package in every run, wherever the library is installed.
    if name == "StripeSimulator":
        from quickscale_billing.testing.simulator import StripeSimulator

        return StripeSimulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
