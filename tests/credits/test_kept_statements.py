"""PostgreSQL keeps the plans of the ledger's statements, but not through a pooler that gives each transaction another
server connection."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import which

import psycopg
import pytest
from django.db import DatabaseError, DataError, connection, transaction
from django.db.backends.postgresql.base import ServerBindingCursor
from django.test.utils import CaptureQueriesContext

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.ledger.preparing import ENOUGH, keeping_cursor
from quickscale_credits.testing import assert_balance, fund
from tests.conftest import database_url
from tests.databases import free_port

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="of PostgreSQL alone"),
]

WARM = 3 * ENOUGH


def kept() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE NOT from_sql")
        return {statement.split()[0] for [statement] in cursor.fetchall()}


def keeps() -> bool:
    """Uses the connection once more; whether the server would keep what is asked."""
    with keeping_cursor(connection) as cursor:
        return isinstance(cursor.cursor, ServerBindingCursor)


@pytest.fixture(autouse=True)
def own_connection() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


def test_a_connection_that_lasts_keeps_the_statements_of_a_spend(user):
    fund(user, 100)
    for _ in range(WARM):
        ledger.spend(user, 1, reason="report")
    assert kept() >= {"SELECT", "UPDATE", "INSERT"}
    assert_balance(user, 100 - WARM)


def test_a_connection_that_is_used_once_keeps_none(user):
    fund(user, 100)
    ledger.spend(user, 1, reason="report")
    assert kept() == set()


def test_a_connection_keeps_when_it_was_used_often_enough_and_from_then_on():
    connection.ensure_connection()
    assert [keeps() for _ in range(ENOUGH + 3)] == [False] * ENOUGH + [True] * 3
    assert connection.connection.prepare_threshold == ENOUGH


def test_enough_is_what_psycopg_takes_for_enough():
    with psycopg.connect(database_url()) as usual:
        assert usual.prepare_threshold == ENOUGH


def test_what_is_not_open_yet_is_opened():
    assert connection.connection is None
    assert not keeps()
    assert connection.connection is not None


def test_where_a_transaction_has_failed_nothing_is_asked_and_nothing_kept():
    connection.ensure_connection()
    for _ in range(ENOUGH):
        keeps()
    with suppress(DatabaseError), transaction.atomic():
        with suppress(DataError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert not keeps()
    assert connection.connection.prepare_threshold is None


def test_the_query_log_shows_the_values_of_a_spend(user):
    fund(user, 100)
    for _ in range(WARM):
        ledger.spend(user, 1, reason="report")
    with CaptureQueriesContext(connection) as log:
        ledger.spend(user, 1, reason="report")
    assert any("'report'" in query["sql"] for query in log)


@pytest.mark.parametrize(
    "option", [{"prepare_threshold": None}, {"server_side_binding": False}, {"cursor_factory": None}]
)
def test_what_the_host_says_of_cursors_holds_for_the_ledger(user, monkeypatch, option):
    connection.ensure_connection()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", connection.settings_dict["OPTIONS"] | option)
    for _ in range(WARM):
        assert not keeps()


def test_a_host_that_pools_by_transactions_says_so_and_nothing_is_kept(user):
    connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = True
    try:
        fund(user, 100)
        for _ in range(WARM):
            ledger.spend(user, 1, reason="report")
    finally:
        del connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
    assert kept() == set()


@pytest.mark.parametrize("forget", ["DISCARD ALL", "DEALLOCATE ALL"])
def test_a_spend_goes_on_where_the_server_has_forgotten(user, forget):
    fund(user, 100)
    for _ in range(WARM):
        ledger.spend(user, 1, reason="report")
    connection.connection.pgconn.exec_(forget.encode())  # so that the driver does not know
    for _ in range(WARM):
        ledger.spend(user, 1, reason="report")
    assert_balance(user, 100 - 2 * WARM)


def test_statements_are_kept_again_after_a_rollback(user):
    fund(user, 100)
    for _ in range(WARM):
        ledger.spend(user, 1, reason="report")
    with pytest.raises(InsufficientCredits):
        ledger.spend(user, 1000, reason="report")
    for _ in range(WARM):
        ledger.spend(user, 1, reason="report")
    assert kept() >= {"SELECT", "UPDATE", "INSERT"}
    assert_balance(user, 100 - 2 * WARM)


# Two of these at once, over two server connections: a kept statement would be another one's, or not be there.
SPENDING = """
    import sys
    from django.contrib.auth import get_user_model
    from django.db import connection
    from quickscale_credits import ledger
    owner = get_user_model().objects.get()
    for _ in range(int(sys.argv[1])):
        ledger.spend(owner, 1, reason="report")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        print(cursor.fetchone()[0])
"""


def test_through_a_pooler_that_said_nothing_no_statement_is_kept(user, pooler, spawn, database_environment):
    fund(user, 100)
    connection.close()
    direct = database_environment["DATABASE_URL"]
    database_environment["DATABASE_URL"] = direct.replace(f":{connection.settings_dict['PORT']}/", f":{pooler}/")
    assert database_environment["DATABASE_URL"] != direct
    answers = [process.communicate(timeout=60) for process in [spawn(SPENDING, WARM), spawn(SPENDING, WARM)]]
    assert answers == [("0\n", ""), ("0\n", "")]
    assert_balance(user, 100 - 2 * WARM)


@pytest.fixture
def pooler() -> Iterator[int]:
    """The port of a PgBouncer with two server connections for everybody, each given for a transaction."""
    program = which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    server, port = connection.settings_dict, free_port()
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    place = "* = " + " ".join(f"{name}={server[key]}" for name, key in names.items() if server[key])
    settings = {"listen_addr": "127.0.0.1", "listen_port": port, "auth_type": "any", "unix_socket_dir": ""}
    settings |= {"pool_mode": "transaction", "default_pool_size": 2}
    lines = ["[databases]", place, "[pgbouncer]", *(f"{name} = {value}" for name, value in settings.items())]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "pgbouncer.ini").write_text("\n".join(lines))
        as_nobody = {"user": "nobody"} if os.geteuid() == 0 else {}
        process = subprocess.Popen([program, "-q", f"{folder}/pgbouncer.ini"], **as_nobody, stderr=subprocess.DEVNULL)
        try:
            wait_until_it_listens(process, port)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(200):
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        assert process.poll() is None
        time.sleep(0.05)
    raise TimeoutError("PgBouncer does not listen.")
