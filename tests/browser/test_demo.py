"""The one command that a newcomer types."""

import signal
import sqlite3
from contextlib import closing
from resource import RUSAGE_CHILDREN, getrusage
from urllib.request import urlopen

import pytest

from tests.browser.conftest import address_of, free_port, started_demo

RUNS = "SELECT COUNT(*) FROM quickscale_services_servicerun"
MONTHS = "SELECT COUNT(DISTINCT strftime('%m', created_at)) FROM quickscale_credits_ledgerentry"
UNBALANCED = """
SELECT COUNT(*) FROM quickscale_credits_creditaccount AS account WHERE balance != (
    SELECT COALESCE(SUM(amount), 0) FROM quickscale_credits_ledgerentry WHERE account_id = account.id)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the demo keeps its database in these tests, instead of a temporary folder of its own."""
    monkeypatch.setenv("INKWELL_DEMO_FOLDER", str(tmp_path / "demo"))
    return tmp_path / "demo"


def cpu_seconds():
    """Of the processes that this one has started and seen end."""
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_first_page_comes_soon_and_nothing_is_left_at_the_end(folder, ending):
    before = cpu_seconds()
    with started_demo("--port", str(free_port())) as process:
        with urlopen(address_of(process)) as page:
            assert page.status == 200
        process.send_signal(ending)
        process.communicate(timeout=60)
    assert (process.returncode, folder.exists()) == (0, False)
    # Thirty seconds by the clock are promised on two idle cores; a machine full of tests is neither.
    assert cpu_seconds() - before < 12


def test_a_port_that_is_taken_is_named_with_a_remedy(demo, folder):
    with started_demo("--port", demo.rpartition(":")[2]) as process:
        errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "--port" in errors
    assert "Traceback" not in errors


def test_a_folder_that_exists_is_left_alone(folder):
    folder.mkdir()
    with started_demo("--port", str(free_port())) as process:
        errors = process.communicate(timeout=60)[1]
    assert (process.returncode, folder.exists()) == (1, True)
    assert "INKWELL_DEMO_FOLDER" in errors


def test_the_history_spans_months_and_adds_up(folder):
    with started_demo("--no-serve") as process:
        process.communicate(timeout=120)
    with closing(sqlite3.connect(folder / "db.sqlite3")) as rows:
        (runs,), (months,), (wrong,) = (rows.execute(query).fetchone() for query in (RUNS, MONTHS, UNBALANCED))
    assert process.returncode == 0
    assert (runs >= 100, months >= 5, wrong) == (True, True, 0)
