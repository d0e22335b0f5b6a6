"""What a database must know of its tables to read few rows of them. Servers find out themselves; SQLite is told."""

from __future__ import annotations

from django.db import connections

from quickscale_credits.analytics import rolling

ROWS = 2_000  # about so many are read of each index


def renew() -> None:
    """On SQLite, `ANALYZE` of the whole database, which reads a bounded number of rows and locks it for so long.

    PostgreSQL's autovacuum, MySQL and MariaDB do this when enough has changed.
    """
    connection = connections[rolling.database()]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA analysis_limit")
        limit = cursor.fetchone()[0]
        cursor.execute(f"PRAGMA analysis_limit = {ROWS:d}")
        try:
            cursor.execute("ANALYZE")
        finally:
            cursor.execute(f"PRAGMA analysis_limit = {limit:d}")
