"""A backup is worth what its restoration is worth: the ledger verifies it, triggers included."""

import shutil
import sqlite3
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from django.db import connection

from quickscale_credits import ledger
from tests.conftest import database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history(user):
    ledger.grant(user, 100)
    ledger.spend(user, "12.5", reason="sale")
    ledger.capture(ledger.hold(user, 5, reason="work"), 3)
    return user


def verify(url, environment):
    command = [sys.executable, "-m", "django", "verify_ledger"]
    return subprocess.run(command, env=environment | {"DATABASE_URL": url}, capture_output=True, text=True, check=False)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="copies a file of SQLite")
def test_a_backup_of_sqlite_is_whole_and_still_append_only(history, database_environment, tmp_path):
    copy = tmp_path / "backup.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(copy)])
    assert verify(f"sqlite://{copy}", database_environment).returncode == 0
    with pytest.raises(sqlite3.IntegrityError), sqlite3.connect(copy) as backup:
        backup.execute("DELETE FROM quickscale_credits_ledgerentry")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="copies a file of SQLite")
def test_a_backup_that_was_tampered_with_is_found_out(history, database_environment, tmp_path):
    copy = tmp_path / "backup.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(copy)])
    with sqlite3.connect(copy) as backup:
        backup.execute("UPDATE quickscale_credits_creditaccount SET balance = balance + 1")
    assert verify(f"sqlite://{copy}", database_environment).returncode == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL")
def test_a_dump_of_postgresql_is_restored_whole_and_still_append_only(history, database_environment, tmp_path):
    if shutil.which("pg_dump") is None:
        pytest.skip("no pg_dump on PATH (apt-get install postgresql-client)")
    url, dump = urlsplit(database_url()), tmp_path / "dump"
    server = ["--host", url.hostname, "--port", str(url.port), "--username", url.username]
    name = url.path.strip("/")
    dumped = subprocess.run(
        ["pg_dump", *server, "--format", "custom", "--file", dump, name], capture_output=True, text=True, check=False
    )
    if "server version mismatch" in dumped.stderr:
        pytest.skip("the pg_dump on PATH is older than the server")
    assert dumped.returncode == 0, dumped.stderr
    subprocess.run(["createdb", *server, f"{name}_restored"], check=True)
    try:
        subprocess.run(["pg_restore", *server, "--dbname", f"{name}_restored", dump], check=True)
        restored = url._replace(path=f"/{name}_restored").geturl()
        done = verify(restored, database_environment)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        subprocess.run(["dropdb", *server, f"{name}_restored"], check=True)
