"""The least that a spend can cost: five statements and a commit, written by hand for the driver, in our own tables.

Same rows, indexes, constraints and triggers; no idempotency, no limits, no signals, no Django. What a ledger takes
above this is what it adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import connection

from benchmarks.contenders.quickscale import QuickScale
from benchmarks.databases import floor_url

CREDIT = 10**6
LOCK = """SELECT id, balance, held, sequence FROM quickscale_credits_creditaccount WHERE owner_id = %s"""
FIND = """SELECT id FROM quickscale_credits_creditgrant WHERE account_id = %s AND state = 1
          ORDER BY priority, expires_at, id LIMIT 1"""
TAKE = """UPDATE quickscale_credits_creditgrant SET remaining = remaining - %s WHERE id = %s AND remaining >= %s"""
ENTER = """INSERT INTO quickscale_credits_ledgerentry (account_id, sequence, kind, amount, balance_after, debt,
           grant_id, origin_id, reason, reference, idempotency_key, fingerprint, actor, metadata, created_at, seal)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""
BOOK = """UPDATE quickscale_credits_creditaccount SET balance = %s, sequence = %s, modified = %s WHERE id = %s"""


class _Floor:
    name: str

    def prepare(self, count: int) -> list[int]:
        return QuickScale().prepare(count)


class PsycopgFloor(_Floor):
    name = "floor (psycopg)"

    def connect(self, accounts: Sequence[int]) -> None:
        import psycopg

        place = connection.settings_dict["NAME"]
        self.connection = psycopg.connect(floor_url(place), autocommit=True)
        self.cursor = self.connection.cursor()

    def spend(self, account: int) -> None:
        execute, now = self.cursor.execute, datetime.now(UTC)
        with self.connection.transaction():
            found = execute(LOCK + " FOR NO KEY UPDATE", (account,)).fetchone()
            pk, balance, held, sequence = found  # type: ignore[misc]
            assert balance - held >= CREDIT
            (grant,) = execute(FIND, (pk,)).fetchone()  # type: ignore[misc]
            execute(TAKE, (CREDIT, grant, CREDIT))
            row = (pk, sequence + 1, "spend", -CREDIT, balance - CREDIT, 0, grant)
            rest = (None, "report", "", None, None, "", "{}", now, 1)
            execute(ENTER, (*row, *rest)).fetchone()
            execute(BOOK, (balance - CREDIT, sequence + 1, now, pk))


class SqliteFloor(_Floor):
    name = "floor (sqlite3)"

    def connect(self, accounts: Sequence[int]) -> None:
        import sqlite3

        place = connection.settings_dict["NAME"]
        self.connection = sqlite3.connect(place, timeout=20, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.cursor = self.connection.cursor()

    def spend(self, account: int) -> None:
        execute, now = self.cursor.execute, str(datetime.now(UTC).replace(tzinfo=None))
        execute("BEGIN IMMEDIATE")
        pk, balance, held, sequence = execute(_LOCK, (account,)).fetchone()
        assert balance - held >= CREDIT
        (grant,) = execute(_FIND, (pk,)).fetchone()
        execute(_TAKE, (CREDIT, grant, CREDIT))
        row = (pk, sequence + 1, "spend", -CREDIT, balance - CREDIT, 0, grant)
        execute(_ENTER, (*row, None, "report", "", None, None, "", "{}", now, 1)).fetchall()
        execute(_BOOK, (balance - CREDIT, sequence + 1, now, pk))
        execute("COMMIT")


_LOCK, _FIND, _TAKE, _ENTER, _BOOK = (each.replace("%s", "?") for each in (LOCK, FIND, TAKE, ENTER, BOOK))
