"""Fixtures of billing: a catalog at the simulator, and somebody to sell it to."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http import HTTPStatus
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
    """Within `with outage(after=3):` Stripe answers three requests, and then with errors; `status=400` refuses."""
    answer = stripe_simulator.api.answer

    @contextmanager
    def down(*, after: int = 0, status: int = 503) -> Iterator[None]:
        requests = count(1)

        def refuse(*request: Any) -> Any:
            if next(requests) <= after:
                return answer(*request)
            kind = "api_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
            return Answer(status, {"error": {"type": kind, "message": "Try again later."}}, {})

        with monkeypatch.context() as patch:
            patch.setattr(stripe_simulator.api, "answer", refuse)
            yield

    return down
