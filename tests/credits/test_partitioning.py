"""Why entries are in one table: docs/explanation/ledger.md says so."""

import pytest
from django.db import connection

from quickscale_credits.models import LedgerEntry

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def test_no_column_could_divide_the_entries_among_partitions():
    """PostgreSQL and MySQL want that column in each unique index; entries have several without one in common."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, LedgerEntry._meta.db_table)
    unique = [set(each["columns"]) for each in found.values() if each["unique"] or each["primary_key"]]
    assert {"id"} in unique
    assert {"account_id", "sequence"} in unique
    assert not set.intersection(*unique)
