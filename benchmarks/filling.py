"""Making a long history quickly: whole, and in the order of time, but written past the verbs."""

from __future__ import annotations

from typing import Any

from django.db import connection

from quickscale_credits.models import CreditAccount

ENTRIES = """
{series}
INSERT INTO quickscale_credits_ledgerentry (account_id, sequence, kind, amount, balance_after, debt, grant_id, reason,
    reference, idempotency_key, actor, metadata, created_at, seal)
SELECT account.id, account.sequence + number, 'spend', -1000000, account.balance - number * CAST(1000000 AS BIGINT), 0,
    account.head_grant_id, CASE number % 4 WHEN 0 THEN 'summary' WHEN 1 THEN 'thumbnail' ELSE 'report' END,
    '', NULL, '', '{{}}', {moment}, 0
FROM quickscale_credits_creditaccount account, {numbers}
WHERE account.id IN ({accounts})
ORDER BY number
"""
GRANTS = """
UPDATE quickscale_credits_creditgrant SET remaining = remaining - {count}000000
WHERE id IN (SELECT head_grant_id FROM quickscale_credits_creditaccount WHERE id IN ({accounts}))
"""
ACCOUNTS = """
UPDATE quickscale_credits_creditaccount SET balance = balance - {count}000000, sequence = sequence + {count}
WHERE id IN ({accounts})
"""
# The newest is an hour old, so that rollups count it; all are spread over a year.
BY_VENDOR = {
    "postgresql": {
        "series": "",
        "numbers": "generate_series(1, {count}) number",
        "moment": "now() - interval '1 hour' - interval '1 year' * (1 - number / {count}::float)",
    },
    "sqlite": {
        "series": "WITH RECURSIVE numbers (number) AS "
        "(SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {count})",
        "numbers": "numbers",
        "moment": "datetime('now', '-1 hour', '-' || CAST(31536000.0 * (1 - number / {count}.0) AS INT) || ' seconds')",
    },
}


def add_spends(owners: list[int], count: int) -> None:
    """To each of these owners' accounts so many spends of one credit, paid by the grant at the head."""
    accounts = list(CreditAccount.objects.filter(owner__in=owners).values_list("pk", flat=True))
    vendor = {key: text.format(count=count) for key, text in BY_VENDOR[connection.vendor].items()}
    with connection.cursor() as cursor:
        _check_keys(cursor, role="replica")
        for statement in (ENTRIES, GRANTS, ACCOUNTS):
            cursor.execute(statement.format(count=count, accounts=", ".join(map(str, accounts)), **vendor))
        _check_keys(cursor, role="origin")
    tidy_up()


RUNS = """
INSERT INTO quickscale_services_servicerun (id, service, account_id, actor, status, cost, units, error_code, duration,
    created_at, started_at, finished_at, in_background, attempts, progress_note, entry_id, fingerprint)
SELECT {key}, reason, account_id, '', 'succeeded', -amount, '{{}}', '', {duration},
    created_at, created_at, created_at, {false}, 1, '', id, ''
FROM quickscale_credits_ledgerentry
WHERE kind = 'spend' AND id % {each} = 0 AND id NOT IN (
    SELECT entry_id FROM quickscale_services_servicerun WHERE entry_id IS NOT NULL
)
"""
RUNS_BY_VENDOR = {
    "postgresql": {
        "key": "gen_random_uuid()",
        "duration": "interval '1 ms' * (1 + sequence * 7919 % 60000)",
        "false": "false",
    },
    "sqlite": {"key": "lower(hex(randomblob(16)))", "duration": "1000 * (1 + sequence * 7919 % 60000)", "false": "0"},
}


def add_runs(each: int) -> None:
    """A run that succeeded for each so many spends."""
    with connection.cursor() as cursor:
        _check_keys(cursor, role="replica")
        cursor.execute(RUNS.format(each=each, **RUNS_BY_VENDOR[connection.vendor]))
        _check_keys(cursor, role="origin")
    tidy_up()


def tidy_up() -> None:
    """What a server would do by itself in quiet hours."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _check_keys(cursor: Any, *, role: str) -> None:
    """As a `replica` PostgreSQL checks no foreign keys, which would take most of the time."""
    if connection.vendor == "postgresql":
        cursor.execute(f"SET session_replication_role = {role}")
