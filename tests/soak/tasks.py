"""What a soak consists of: tests of the ordinary suite in a larger number, and what only a soak has time for."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests import databases
from tests.databases import Database

HYPOTHESIS = ("--hypothesis-seed={seed}",)


@dataclass(frozen=True, kw_only=True)
class Task:
    """`each` of something are tried in a round, until `goal` have been; `variable` tells the tests how many."""

    name: str
    paths: tuple[str, ...]
    variable: str
    each: int
    goal: int
    settings: str = "tests.settings.base"
    database: Callable[[], AbstractContextManager[Database]] = databases.sqlite
    options: tuple[str, ...] = ()

    def environment(self, seed: int) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": self.settings,
            "QUICKSCALE_SEARCH": "1",
            "QUICKSCALE_SEED": str(seed),
            self.variable: str(1 if self.variable == "QUICKSCALE_FULL_SCALE" else self.each),
        } | ({"QUICKSCALE_HISTORY_STEPS": "50"} if self.variable == "QUICKSCALE_HISTORIES" else {})


TASKS = [
    Task(
        name="histories, SQLite",
        paths=("tests/credits/test_histories.py",),
        variable="QUICKSCALE_HISTORIES",
        each=500,
        goal=20_000,
        options=HYPOTHESIS,
    ),
    Task(
        name="histories, PostgreSQL",
        paths=("tests/credits/test_histories.py",),
        variable="QUICKSCALE_HISTORIES",
        each=100,
        goal=3_000,
        database=databases.postgresql,
        options=HYPOTHESIS,
    ),
    Task(
        name="interleavings",
        paths=("tests/soak/test_interleavings.py", "-k", "switched"),
        variable="QUICKSCALE_INTERLEAVINGS",
        each=200,
        goal=10_000,
        database=databases.postgresql,
    ),
    Task(
        name="kills of a process",
        paths=("tests/credits/test_kills.py",),
        variable="QUICKSCALE_KILLS",
        each=280,
        goal=3_000,
        database=databases.postgresql,
    ),
    Task(
        name="kills of PostgreSQL",
        paths=("tests/credits/test_faults_postgresql.py",),
        variable="QUICKSCALE_DATABASE_KILLS",
        each=10,
        goal=50,
    ),
    Task(
        name="bad input of the API",
        paths=("tests/services/test_api_fuzzing.py",),
        variable="API_BAD_INPUTS",
        each=5_000,
        goal=50_000,
        options=HYPOTHESIS,
    ),
    Task(
        name="forged webhooks",
        paths=("tests/billing/test_webhooks.py", "-k", "altered_anywhere"),
        variable="QUICKSCALE_FORGERIES",
        each=1_000,
        goal=10_000,
        settings="tests.settings.billing",
    ),
    Task(
        name="bytes at the webhook",
        paths=("tests/billing/test_webhook_fuzzing.py",),
        variable="QUICKSCALE_WEBHOOKS",
        each=1_000,
        goal=10_000,
        settings="tests.settings.billing",
        options=HYPOTHESIS,
    ),
    Task(
        name="orders of events, all of five",
        paths=("tests/billing/test_orders.py",),
        variable="QUICKSCALE_FULL_SCALE",
        each=1,
        goal=1,
        settings="tests.settings.billing",
    ),
    Task(
        name="hostile text at every route",
        paths=("tests/browser/test_hostile.py",),
        variable="QUICKSCALE_FULL_SCALE",
        each=1,
        goal=1,
        settings="tests.projects.example.settings",
    ),
    Task(
        name="a million entries",
        paths=("tests/credits/test_scale.py", "tests/credits/test_growing_ledger.py"),
        variable="QUICKSCALE_FULL_SCALE",
        each=1,
        goal=1,
        database=databases.postgresql,
    ),
]
