"""Fixtures for all tests: owners, a clock that stands still, other processes, and a check of the ledger."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import hypothesis
import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from tests.parts import ROOT, elsewhere

CHROMIUM_NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)

# The ordinary run tries the same examples every time; QUICKSCALE_SEARCH=1 looks for new ones, and prints what fails.
hypothesis.settings.register_profile("ordinary", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, print_blob=True)
hypothesis.settings.load_profile("search" if os.environ.get("QUICKSCALE_SEARCH") == "1" else "ordinary")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--skip-all-because", metavar="REASON", help="count the tests, run none")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What needs other settings than the default ones is left out, unless it is asked for by its path."""
    if collection_path not in elsewhere():
        return None
    asked = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    return not any(path.resolve().is_relative_to(collection_path) for path in asked) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if reason := config.getoption("--skip-all-because"):
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """PostgreSQL empties a table by making it anew, a hundred of them in seconds; the rows of a test go in no time."""
    if connection.vendor != "postgresql":
        return
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        [is_superuser] = cursor.fetchone()
        # Nothing here outlives the server: who is asked for a commit need not wait for the disk.
        cursor.execute(f"ALTER DATABASE {connection.settings_dict['NAME']} SET synchronous_commit = off")
    if is_superuser:
        connection.ops.sql_flush = partial(delete_rows, connection.ops.sql_flush)


def delete_rows(truncate: Callable[..., list[str]], style: Any, tables: list[str], **options: bool) -> list[str]:
    """The SQL after each test with transactions of its own; a `flush` called by hand truncates, as Django does."""
    if options["reset_sequences"]:
        return truncate(style, tables, **options)
    deletions = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]
    return ["SET LOCAL session_replication_role = replica", *deletions]  # lifts foreign keys and triggers


@pytest.fixture(autouse=True)
def sound_ledger(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test that used the database, the ledger must hold together."""
    if not uses_database(request):
        yield
        return
    request.getfixturevalue("db")
    yield
    # Imported late: the apps are not loaded when pytest reads this file.
    from quickscale_credits.testing import assert_ledger_sound

    assert_ledger_sound()


def uses_database(request: pytest.FixtureRequest) -> bool:
    marked = request.node.get_closest_marker("django_db") is not None
    return marked or not {"db", "transactional_db", "live_server"}.isdisjoint(request.fixturenames)


@pytest.fixture
def user(db: None) -> Any:
    return get_user_model().objects.create_user("ada")


@pytest.fixture
def clock(time_machine: Any) -> Any:
    """Time stands still at noon on 15 January 2026 until the test says `clock.shift(timedelta(days=1))`."""
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def database_environment() -> dict[str, str]:
    """The environment in which another process uses this very test database under the same settings."""
    return environment_of_database()


def environment_of_database() -> dict[str, str]:
    chosen = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]}
    paths = [str(ROOT), str(ROOT / "example_project"), os.environ.get("PYTHONPATH", "")]
    return os.environ | chosen | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def database_url() -> str:
    """The test database in use, written as DATABASE_URL wants it."""
    current = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite://{quote(str(current['NAME']))}"
    login = f"{quote(current['USER'], safe='')}:{quote(current['PASSWORD'], safe='')}"
    options = {key: value for key, value in current["OPTIONS"].items() if isinstance(value, str)}
    return f"{connection.vendor}://{login}@{current['HOST']}:{current['PORT']}/{current['NAME']}?{urlencode(options)}"


@pytest.fixture
def spawn(database_environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`spawn("import sys; print(sys.argv[1])", 7)` runs the code in another process, with Django set up, on
    this test database; what still runs at the end of the test is killed."""
    with spawning(database_environment) as start:
        yield start


@contextmanager
def spawning(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        program = f"import django\ndjango.setup()\n{textwrap.dedent(code)}"
        command = [sys.executable, "-c", program, *map(str, arguments)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, env=environment, text=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium; without one, the tests that ask for it are skipped."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on PATH (apt-get install chromium)")
    return found
