"""What the tests of the ledger share."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.dispatch import Signal

from quickscale_credits import archiving
from quickscale_credits.ledger import pictures
from quickscale_credits.models import CreditAccount
from tests.credits.archives import later
from tests.credits.business import Business
from tests.credits.crowds import owners


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


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a stretch is cut by the end of a page, and that verification reads more than one."""
    monkeypatch.setattr(archiving, "PAGE", 20)
    monkeypatch.setattr(pictures, "PAGE", 7)


@pytest.fixture
def months(db: None, clock: Any) -> None:
    """Three months of three owners, in which everything happens; then nothing for two days."""
    business = Business(clock, owners(3), seed=7)
    business.run(250, pause=timedelta(hours=18))
    later(clock, days=2)
