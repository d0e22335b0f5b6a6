"""Waiting for a lock no longer than a test should."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

AT_MOST = {
    "postgresql": "SET lock_timeout = {milliseconds}",
    "sqlite": "PRAGMA busy_timeout = {milliseconds}",
    "mysql": "SET innodb_lock_wait_timeout = {seconds}",
}


@contextmanager
def waiting_at_most(seconds: int) -> Iterator[None]:
    """In this thread, whatever has to wait longer for a lock is an OperationalError."""
    with connection.cursor() as cursor:
        cursor.execute(AT_MOST[connection.vendor].format(seconds=seconds, milliseconds=1000 * seconds))
    try:
        yield
    finally:
        connection.close()
