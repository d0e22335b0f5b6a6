"""Fixtures of billing: a catalog at the simulator, and somebody to sell it to."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from quickscale_billing import catalog
from quickscale_billing.testing import StripeSimulator
from quickscale_billing.testing.api import Answer
from tests.billing.stripe_description import Recorder, description

CATALOG = Path(__file__).with_name("catalog.toml")


@pytest.fixture
def stripe_simulator(stripe_simulator: StripeSimulator) -> Iterator[StripeSimulator]:
    """At the end of the test, all that we sent and all that came back must be as Stripe's description says."""
    description()  # read now: while it is, which takes seconds, the simulator would not answer
    recorder = Recorder()
    stripe_simulator.api.recorders.append(recorder)
    stripe_simulator.sandbox.listeners.append(recorder.event)
    yield stripe_simulator
    assert recorder.problems == []


@pytest.fixture
def shop(stripe_simulator: Any, db: None) -> Any:
    """The simulator, with the catalog of `catalog.toml` on sale."""
    list(catalog.sync(catalog.read(CATALOG)))
    return stripe_simulator


@pytest.fixture
def outage(stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[None]]:
    """Within `with outage(after=3):` Stripe answers three requests, and then with errors."""
    answer = stripe_simulator.api.answer

    @contextmanager
    def down(*, after: int = 0) -> Iterator[None]:
        requests = count(1)

        def refuse(*request: Any) -> Any:
            if next(requests) <= after:
                return answer(*request)
            return Answer(503, {"error": {"type": "api_error", "message": "Try again later."}}, {})

        with monkeypatch.context() as patch:
            patch.setattr(stripe_simulator.api, "answer", refuse)
            yield

    return down
