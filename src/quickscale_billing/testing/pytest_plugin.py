"""The fixture `stripe_simulator`, which every project that has this library installed gets by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from quickscale_billing.testing.simulator import StripeSimulator


@pytest.fixture
def stripe_simulator(request: pytest.FixtureRequest) -> Iterator[StripeSimulator]:
    """A Stripe of the test's own: empty, at the time that it is now for the test, with the same ids in every run."""
    # Imported late: the plugin is loaded in every run of pytest, also where nobody asks for the fixture.
    from quickscale_billing.testing.simulator import StripeSimulator

    with StripeSimulator(seed="tests") as simulator:
        yield simulator
