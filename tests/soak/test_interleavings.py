"""Workers that are switched before and after each statement, commit and call of a provider, from a seed.

`QUICKSCALE_INTERLEAVINGS` says how many courses; `QUICKSCALE_SEED` with which to begin. One that fails names its seed.
"""

import os
import random
from collections.abc import Iterable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from quickscale_credits.ledger import statements
from quickscale_credits.ledger.compiling import Statement
from quickscale_services.testing import register_temporarily
from tests.soak.deeds import Provided, Scene, assert_nothing_lost_or_doubled, worker
from tests.soak.switching import Stage

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]

COURSES = int(os.environ.get("QUICKSCALE_INTERLEAVINGS", 8))
SEED = int(os.environ.get("QUICKSCALE_SEED", 0))
WORKERS, DEEDS_EACH = 3, 3


def play(seed: int, name: str, *, workers: int = WORKERS) -> list[tuple[int, str]]:
    scene, chance = Scene.set(name), random.Random(seed)
    stage = Stage(seed, [worker(scene, chance, DEEDS_EACH) for _ in range(workers)])
    course = stage.play()
    assert_nothing_lost_or_doubled(scene)
    return course


@pytest.fixture(autouse=True)
def provided():
    with register_temporarily(Provided):
        yield


def test_workers_that_are_switched_anywhere_leave_the_ledger_sound(db):
    play_all(range(SEED, SEED + COURSES))


def play_all(seeds: Iterable[int]) -> None:
    for seed in seeds:
        try:
            play(seed, f"seed-{seed}")
        except Exception as error:
            raise AssertionError(f"QUICKSCALE_SEED={seed} QUICKSCALE_INTERLEAVINGS=1 fails") from error


def test_of_two_workers_the_same_seed_gives_the_same_course(db):
    first, again = play(SEED, "first", workers=2), play(SEED, "again", workers=2)
    assert first == again
    assert {number for number, _ in first} == {0, 1}


def without_lock(statement: Statement) -> Statement:
    def build(using: str) -> Any:
        found = statement.build(using)
        found.query.select_for_update = False
        return found

    return Statement(build)


def test_a_ledger_that_forgets_its_lock_is_found_out(db, monkeypatch):
    for name in ("lock_by_owner", "lock_by_id", "lock_many"):
        monkeypatch.setattr(statements, name, without_lock(getattr(statements, name)))
    with pytest.raises(AssertionError, match="QUICKSCALE_SEED"):
        play_all(range(COURSES))
    call_command("flush", verbosity=0, interactive=False)
