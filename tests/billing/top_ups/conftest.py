"""Owners who may be topped up, with a card and without."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from quickscale_billing import signals
from quickscale_billing.models import AutoTopUp
from tests.billing.time import Calendar
from tests.billing.topping import add_card
from tests.billing.webhooks import connect


@pytest.fixture(autouse=True)
def offered(clock: Any, shop: Any, settings: Any) -> None:
    settings.QUICKSCALE_BILLING = {"AUTO_TOP_UP": True}


@pytest.fixture
def stranger(clock: Any, shop: Any, db: None) -> Any:
    """Who has no card yet."""
    connect(shop)
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def ada(shop: Any, stranger: Any) -> Any:
    add_card(shop, stranger)
    return stranger


@pytest.fixture
def calendar(clock: Any, shop: Any) -> Calendar:
    return Calendar(clock, shop)


@pytest.fixture
def stopped() -> Iterator[list[str]]:
    """Why owners were told that nothing is bought any more."""
    reasons: list[str] = []

    def note(auto_top_up: AutoTopUp, **kwargs: Any) -> None:
        reasons.append(auto_top_up.reason)

    signals.top_up_stopped.connect(note)
    yield reasons
    signals.top_up_stopped.disconnect(note)
