"""Letting PostgreSQL keep the plans of the ledger's statements: to parse and plan them takes as long as to run them."""

from __future__ import annotations

from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

# psycopg's own default: how often something is used on a connection before it is worth keeping.
ENOUGH = 5
FORGOTTEN = "26000"

# Of each of psycopg's connections how often it was asked for a cursor; None once its statements may be kept.
_uses: WeakKeyDictionary[Any, int | None] = WeakKeyDictionary()


def keeping_cursor(connection: Any) -> Any:
    """Django's cursor; on PostgreSQL one whose statements the server keeps, where that is safe.

    If somebody makes the server forget them, a statement fails with `FORGOTTEN`, until a rollback or a new connection.
    """
    raw = connection.connection
    if connection.vendor != "postgresql" or raw is None or not _keeps(connection):
        return connection.cursor()
    cursor_class, dumper = _of_driver()
    usual, raw.cursor_factory = raw.cursor_factory, cursor_class
    try:
        cursor = connection.cursor()
    finally:
        raw.cursor_factory = usual
    # Every whole number as a BIGINT: else its size decides, and each mixture of sizes is another statement.
    cursor.cursor.adapters.register_dumper(int, dumper)
    return cursor


@cache
def _of_driver() -> tuple[Any, Any]:
    from django.db.backends.postgresql.base import ServerBindingCursor
    from psycopg.types.numeric import Int8Dumper

    return ServerBindingCursor, Int8Dumper


def _keeps(connection: Any) -> bool:
    """Found out once for each connection, when it has lasted a while. Django's query log would show no values."""
    raw = connection.connection
    count = _uses.get(raw, 0)
    if count is None:
        return not connection.queries_logged
    _uses[raw] = count + 1
    if count != ENOUGH or not _is_wanted(connection) or not _is_direct(connection):
        return False
    raw.prepare_threshold = ENOUGH
    _uses[raw] = None
    return True


def _is_wanted(connection: Any) -> bool:
    """Where the host binds on the server or says when to prepare, that holds for the ledger, too."""
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    options = connection.settings_dict["OPTIONS"]
    is_stated = options.keys() & {"prepare_threshold", "server_side_binding", "cursor_factory"}
    return is_psycopg3 and not is_stated and not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")


def _is_direct(connection: Any) -> bool:
    """Whether the server process that answers is the one that the connection was opened to.

    A pooler such as PgBouncer gives each transaction another one, where a name means another client's statement; it
    makes up a process id of its own.
    """
    from psycopg.pq import TransactionStatus

    raw = connection.connection
    if raw.info.transaction_status == TransactionStatus.INERROR:
        return False
    with connection.wrap_database_errors, raw.cursor() as cursor:
        [process] = cursor.execute("SELECT pg_backend_pid()").fetchone()
    return bool(process == raw.info.backend_pid)
