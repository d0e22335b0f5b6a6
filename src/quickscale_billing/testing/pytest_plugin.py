"""The fixture `stripe_simulator`, which every project that has this library installed gets by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from quickscale_billing.testing.simulator import StripeSimulator


@pytest.fixture
def stripe_simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[StripeSimulator]:
    """A Stripe of the test's own, to which the project talks for as long as the test lasts: empty, at the time that
    it is now for the test, with the same ids in every run."""
    # Imported late: the plugin is loaded in every run of pytest, also where nobody asks for the fixture.
    from quickscale_billing.testing.simulator import StripeSimulator

    with StripeSimulator(seed="tests") as simulator:
        point_at(simulator, monkeypatch)
        yield simulator


def point_at(simulator: StripeSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients made from the settings, and dj-stripe, which has read its host when it was imported."""
    from django.conf import settings

    if settings.configured:
        for name, value in simulator.settings().items():
            if not is_usable_key(name, getattr(settings, name, "")):
                monkeypatch.setattr(settings, name, value, raising=False)
    try:
        import stripe
    except ImportError:
        return
    monkeypatch.setattr(stripe, "api_base", simulator.address)


def is_usable_key(name: str, current: Any) -> bool:
    """A test key of the project's own may stay: its system checks know it."""
    return name.endswith("_KEY") and str(current).startswith("sk_test_")
