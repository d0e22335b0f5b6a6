"""Entries and allocations are written once: neither the ORM nor SQL changes them, on any database."""

import pytest
from django.core.management import call_command
from django.core.management.sql import emit_pre_migrate_signal
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations import Migration
from django.test import TransactionTestCase

from quickscale_credits import ledger, triggers
from quickscale_credits.checks import check_triggers
from quickscale_credits.exceptions import AppendOnly
from quickscale_credits.models import Allocation, CreditAccount, LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

ENTRIES = "quickscale_credits_ledgerentry"
ALLOCATIONS = "quickscale_credits_allocation"
ANYWHERE = [
    f"UPDATE {ENTRIES} SET amount = 7",
    f"UPDATE {ENTRIES} SET reason = reason",
    f"DELETE FROM {ENTRIES}",
    f"UPDATE {ALLOCATIONS} SET amount = 7",
    f"DELETE FROM {ALLOCATIONS}",
]
UPSERT = f"INSERT INTO {ENTRIES} SELECT * FROM {ENTRIES} WHERE true ON CONFLICT"
OF_VENDOR = {
    "sqlite": [
        f"INSERT OR REPLACE INTO {ENTRIES} SELECT * FROM {ENTRIES}",
        f"REPLACE INTO {ENTRIES} SELECT * FROM {ENTRIES}",
        f"UPDATE OR REPLACE {ENTRIES} SET sequence = 1",
        f"{UPSERT} (id) DO UPDATE SET amount = 7",
        f"{UPSERT} (account_id, sequence) DO UPDATE SET amount = 7",
        f"INSERT OR REPLACE INTO {ALLOCATIONS} SELECT * FROM {ALLOCATIONS}",
    ],
    "postgresql": [
        f"{UPSERT} (id) DO UPDATE SET amount = 7",
        f"{UPSERT} (account_id, sequence) DO UPDATE SET amount = 7",
        f"WITH gone AS (DELETE FROM {ENTRIES} RETURNING *) SELECT * FROM gone",
        f"MERGE INTO {ENTRIES} e USING {ENTRIES} f ON e.id = f.id WHEN MATCHED THEN UPDATE SET amount = 7",
    ],
    "mysql": [
        f"REPLACE INTO {ENTRIES} SELECT * FROM {ENTRIES}",
        f"INSERT INTO {ENTRIES} SELECT * FROM {ENTRIES} e ON DUPLICATE KEY UPDATE amount = 7",
        f"REPLACE INTO {ALLOCATIONS} SELECT * FROM {ALLOCATIONS}",
    ],
}
STATEMENTS = ANYWHERE + OF_VENDOR[connection.vendor]


@pytest.fixture
def entry(user):
    """A spend that two grants paid, so that there are allocations too."""
    fund(user, 10)
    fund(user, 10)
    return ledger.spend(user, 15, reason="report")


def everything():
    return list(LedgerEntry.objects.order_by("pk").values()), list(Allocation.objects.order_by("pk").values())


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_changes_what_was_booked(entry, statement):
    before = everything()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert everything() == before


def test_an_entry_cannot_be_saved_again(entry):
    entry.amount = -1
    with pytest.raises(AppendOnly, match="correction"):
        entry.save()
    with pytest.raises(AppendOnly):
        LedgerEntry.objects.get(pk=entry.pk).save(update_fields=["reason"])


def test_an_entry_cannot_be_deleted(entry):
    with pytest.raises(AppendOnly, match="correction"):
        entry.delete()
    with pytest.raises(AppendOnly):
        entry.allocations.first().delete()
    assert LedgerEntry.objects.count() == 3


@pytest.mark.parametrize("rows", [LedgerEntry, Allocation])
def test_a_queryset_of_entries_changes_nothing(entry, rows):
    before = everything()
    for change in (
        lambda: rows.objects.update(amount=7),
        lambda: rows.objects.all().delete(),
        lambda: rows.objects.bulk_update(list(rows.objects.all()), ["amount"]),
    ):
        with pytest.raises(AppendOnly):
            change()
    assert everything() == before


def test_what_goes_around_our_managers_meets_the_triggers(entry):
    before = everything()
    for change in (
        lambda: models.QuerySet(LedgerEntry).update(amount=7),
        lambda: models.QuerySet(Allocation).delete(),
        lambda: LedgerEntry.objects.all()._raw_delete("default"),
        lambda: LedgerEntry(pk=entry.pk, account=entry.account, sequence=9, amount=1).save_base(raw=True),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert everything() == before


def test_accounts_and_grants_that_entries_name_cannot_be_deleted(user, entry):
    with pytest.raises(models.ProtectedError):
        user.credit_account.delete()
    with pytest.raises(models.ProtectedError):
        user.credit_account.grants.first().delete()
    assert CreditAccount.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_flush_empties_the_ledger_and_makes_the_triggers_again(entry):
    call_command("flush", interactive=False, verbosity=0)
    assert not LedgerEntry.objects.exists()
    assert triggers.missing("default") == []


@pytest.mark.django_db(transaction=True)
class TestAHostsTransactionTestCase(TransactionTestCase):
    """Django flushes after each of these; the second finds nothing of the first."""

    def test_first(self):
        self.use_the_ledger()

    def test_second(self):
        self.use_the_ledger()

    def use_the_ledger(self):
        assert not LedgerEntry.objects.exists()
        account = CreditAccount.objects.create()
        fund(account, 10)
        ledger.spend(account, 4, reason="report")
        assert_balance(account, 6)


@pytest.mark.django_db(transaction=True)  # MariaDB commits before it drops a trigger
def test_missing_triggers_are_found_by_the_check_and_by_verify(entry):
    names = [name for model in triggers.TABLES for name in triggers.names(model, connection.vendor)]
    with triggers.lifted("default"):
        [warning] = check_triggers(databases=["default"])
        problems = ledger.verify().problems
    assert warning.id == "quickscale_credits.W004"
    assert all(name in warning.msg for name in names)
    assert [problem.code for problem in problems] == ["trigger"] * len(names)
    assert check_triggers(databases=["default"]) == []


@pytest.mark.django_db(transaction=True)
def test_triggers_are_there_after_a_later_migration_has_rebuilt_the_table(entry):
    before = everything()
    alter_the_reason(before=64, after=70)
    assert bool(triggers.missing("default")) == (connection.vendor == "sqlite")
    call_command("migrate", verbosity=0)
    assert triggers.missing("default") == []
    alter_the_reason(before=70, after=64)
    call_command("migrate", verbosity=0)
    assert everything() == before


def alter_the_reason(**lengths):
    """As a migration of ours may do it one day; SQLite copies the table and drops the old one with its triggers."""
    plan = [(Migration("9999_another_reason", "quickscale_credits"), False)]
    emit_pre_migrate_signal(verbosity=0, interactive=False, db="default", plan=plan)
    with connection.schema_editor() as editor:
        editor.alter_field(LedgerEntry, *(reason(length) for length in lengths.values()))


def reason(max_length):
    field = models.CharField(max_length=max_length)
    field.set_attributes_from_name("reason")
    field.model = LedgerEntry
    return field
