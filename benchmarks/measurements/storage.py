"""What an entry takes on PostgreSQL, its indexes included."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from benchmarks.contenders.quickscale import QuickScale
from benchmarks.filling import add_spends
from benchmarks.measurements import Run
from benchmarks.results import Ratio, Result
from quickscale_credits.models import LedgerEntry

SIZE = "SELECT pg_total_relation_size('quickscale_credits_ledgerentry')"
KEYED = """
CREATE TABLE keyed (LIKE quickscale_credits_ledgerentry INCLUDING ALL);
INSERT INTO keyed (account_id, sequence, kind, amount, balance_after, debt, grant_id, reason, reference,
    idempotency_key, fingerprint, actor, metadata, created_at, seal)
SELECT account_id, sequence, kind, amount, balance_after, debt, grant_id, reason, 'run:' || gen_random_uuid(),
    'run:' || gen_random_uuid(), 1234567890123456789, '1234', metadata, created_at, 1234567890123456789
FROM quickscale_credits_ledgerentry LIMIT 200000;
"""


def bytes_per_entry(run: Run) -> Iterator[Result]:
    if run.is_sqlite or run.is_binding:
        return
    if LedgerEntry.objects.count() < run.scale.entries_large:
        add_spends(QuickScale().prepare(100), run.scale.entries_large // 100)
    with connection.cursor() as cursor:
        cursor.execute(SIZE)
        plain = cursor.fetchone()[0] / LedgerEntry.objects.count()
        cursor.execute(KEYED)
        cursor.execute("SELECT pg_total_relation_size('keyed')::float / (SELECT COUNT(*) FROM keyed)")
        keyed = cursor.fetchone()[0]
        cursor.execute("DROP TABLE keyed")
    yield Result(
        what=f"bytes per entry over {LedgerEntry.objects.count():,} entries, indexes included",
        database=run.title,
        ratios=[
            Ratio(what="without reference and key", value=plain, target=300, is_ceiling=True),
            Ratio(what="with a reference and a key of 40 characters each", value=keyed),
        ],
    )
