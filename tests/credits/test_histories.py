"""Random histories of the ledger against an independent model of it.

A failing history is printed, shrunk; its steps belong into `ONCE_FAILED`.
"""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache
from itertools import count

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.credits.histories import LONGEST, VERBS, History, Step

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

numbers = count()
START = datetime(2026, 1, 15, 12, tzinfo=UTC)
AMOUNTS = {"sqlite": (500, 50), "postgresql": (100, 30), "mysql": (40, 30)}[connection.vendor]
HISTORIES = int(os.environ.get("QUICKSCALE_HISTORIES", AMOUNTS[0]))
STEPS = int(os.environ.get("QUICKSCALE_HISTORY_STEPS", AMOUNTS[1]))
SLICES = 10
SEED = int(os.environ.get("QUICKSCALE_SEED", 0))
PHASES = [Phase.generate]  # each try takes half a second: too long for the thousands of hypothesis's own shrinking


ONCE_FAILED = {
    "a transfer of somebody without an account": [("transfer", 0, 0, 0, 1)],
    "a batch before the head is known": [("grant", 0, 0, 0, 0), ("spend_many", 0, 0, 0, 0)],
    "a freeze of nothing before one of something": [
        *[("grant", 1, 2, 91, 9), ("spend", 1, 30, 100, 0), ("freeze", 1, 21, 58, 8)],
        *[("reverse", 1, 18, 38, 5), ("freeze", 1, 6, 24, 1), ("revoke", 1, 12, 57, 5)],
    ],
    "a hold on a grant that was ended": [
        *[("grant", 0, 7, 54, 0), ("hold", 0, 3, 83, 1), ("expire_grant", 0, 30, 18, 9), ("wait", 0, 20, 10, 11)],
    ],
    "a transfer of a grant whose revocation was reversed": [
        *[("grant", 0, 12, 32, 9), ("hold", 0, 28, 33, 3), ("revoke", 0, 12, 106, 1), ("reverse", 0, 24, 105, 3)],
        ("transfer", 0, 4, 100, 2),
    ],
    "a second revocation of a grant that was held when the first was reversed": [
        *[("grant", 1, 10, 62, 3), ("hold", 1, 8, 56, 1), ("revoke", 1, 22, 3, 8), ("reverse", 1, 30, 66, 8)],
        *[("wait", 1, 8, 86, 4), ("revoke", 1, 4, 85, 11)],
    ],
    "a freeze of a grant that had no room for what came back": [
        *[("grant", 1, 12, 93, 11), ("hold", 1, 8, 106, 0), ("revoke", 1, 24, 99, 7), ("grant", 1, 24, 64, 11)],
        *[("reverse", 1, 7, 102, 4), ("capture", 1, 19, 88, 11), ("freeze", 1, 12, 100, 4)],
    ],
}


class Plan(tuple[Step, ...]):
    def __repr__(self) -> str:
        return f"[{', '.join(str(tuple(step)) for step in self)}]"


step = st.builds(
    Step,
    st.sampled_from(VERBS),
    st.integers(0, 1),
    st.integers(0, 30),
    st.integers(0, 119),
    st.integers(0, 11),
)


@pytest.mark.parametrize("part", range(SLICES))
def test_the_ledger_answers_as_the_model_does(part):
    @seed(SEED * SLICES + part)  # without it, each part would try the same histories
    @settings(max_examples=HISTORIES // SLICES, suppress_health_check=list(HealthCheck), database=None, phases=PHASES)
    @given(st.lists(step, min_size=STEPS, max_size=STEPS).map(Plan), st.booleans())
    def histories(steps: Plan, joined: bool) -> None:
        if failure(steps, joined=joined):
            pytest.fail(shrunk(steps, joined=joined))

    histories()


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("name", ONCE_FAILED)
def test_a_history_that_once_failed(name, joined):
    assert failure(Plan(Step(*step) for step in ONCE_FAILED[name]), joined=joined) is None


@cache
def shrunk(steps: Plan, *, joined: bool) -> str:
    """The shortest history found that still fails, by leaving out ever smaller runs of steps."""
    size = len(steps) // 2
    while size:
        start = 0
        while start < len(steps):
            shorter = Plan(steps[:start] + steps[start + size :])
            if failure(shorter, joined=joined):
                steps = shorter
            else:
                start += size
        size //= 2
    where = "in one transaction" if joined else "in transactions of their own"
    return f"{steps!r}\n{where} fails with {failure(steps, joined=joined)}"


def failure(steps: Plan, *, joined: bool) -> str | None:
    """What goes wrong when these steps are taken, in the caller's transaction or in transactions of their own."""
    number = next(numbers)
    history = History(START + number * LONGEST / 20, f"history-{number}")
    try:
        with rolled_back() if joined else nullcontext():
            history.play(steps)
    except Exception:
        return traceback.format_exc()
    return None


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
