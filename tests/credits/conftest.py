"""What the tests of the ledger share."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.dispatch import Signal

from quickscale_credits.models import CreditAccount


@pytest.fixture
def grace(db: None) -> Any:
    """Somebody else than `user`."""
    return get_user_model().objects.create_user("grace")


@pytest.fixture
def hear() -> Iterator[Callable[[Signal], list[dict[str, Any]]]]:
    """`heard = hear(credits_spent)` is the growing list of what the signal carries."""
    connected = []

    def listen(signal: Signal) -> list[dict[str, Any]]:
        heard: list[dict[str, Any]] = []

        def receiver(sender: type[CreditAccount], signal: Signal, **carried: Any) -> None:
            heard.append(carried)

        signal.connect(receiver)
        connected.append((signal, receiver))
        return heard

    yield listen
    for signal, receiver in connected:
        signal.disconnect(receiver)
