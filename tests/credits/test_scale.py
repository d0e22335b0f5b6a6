"""Large ledgers are swept, verified and exported in bounded memory. At full size with QUICKSCALE_FULL_SCALE=1."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, models
from django.utils import timezone

from quickscale_credits import triggers
from quickscale_credits.models import CreditGrant, LedgerEntry, UsageRollup
from tests.credits.large import FULL, fund_each, spend_from_each

pytestmark = pytest.mark.django_db(transaction=True)

ENTRIES = 1_000_000 if FULL else 20_000
DUE = 100_000 if FULL else 5_000
# A million entries as objects would take some gigabytes, twenty thousand forty megabytes.
MEGABYTES = 20

MEASURED = """
import json, sys, time
from django.core.management import call_command
from django.db import connection
from tests.credits.memory import peak_megabytes

connection.ensure_connection()
before, started = peak_megabytes(), time.monotonic()
call_command(*sys.argv[1:])
print(json.dumps({"megabytes": peak_megabytes() - before, "seconds": time.monotonic() - started}))
"""


@pytest.fixture
def measured(spawn):
    """Runs a command in a process of its own; the megabytes that it needed beyond those of Django itself."""

    def run(*arguments):
        process = spawn(MEASURED, *arguments)
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        *_, last = output.splitlines()
        figures = json.loads(last)
        print(f"{arguments[0]}: {figures['seconds']:.0f} s, {figures['megabytes']:.0f} MB")
        return figures["megabytes"]

    return run


@pytest.fixture
def room(transactional_db):
    """A database that is emptied quickly: SQLite looks through all entries for each grant that goes before them."""
    yield
    if connection.vendor == "sqlite":
        with triggers.lifted(connection.alias):
            CreditGrant.objects.update(entry=None)
            models.QuerySet(LedgerEntry)._raw_delete(connection.alias)
    call_command("flush", interactive=False, verbosity=0)


def test_a_large_ledger_is_verified_added_up_and_exported_in_bounded_memory(room, measured, tmp_path):
    fund_each(10, ENTRIES)
    spend_from_each(ENTRIES // 10)
    booked = LedgerEntry.objects.count()
    assert measured("verify_ledger") < MEGABYTES
    assert measured("rollup_usage") < MEGABYTES
    assert sum(UsageRollup.objects.values_list("count", flat=True)) == booked
    assert measured("export_ledger", "--output", tmp_path / "ledger.csv") < MEGABYTES
    with (tmp_path / "ledger.csv").open() as lines:
        assert sum(1 for _ in lines) == 1 + booked


def test_many_due_grants_are_swept_and_verified_in_bounded_memory(room, measured):
    fund_each(DUE, 100, expires_at=timezone.now() - timedelta(hours=1))
    assert measured("expire_credits") < MEGABYTES
    assert LedgerEntry.objects.filter(kind="expiry").count() == DUE
    assert measured("verify_ledger") < MEGABYTES
