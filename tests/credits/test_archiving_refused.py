"""What no archive takes, what it refuses, and what is found to be damaged in it."""

import pytest
from django.core.management import CommandError
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from quickscale_credits import archiving, ledger, triggers
from quickscale_credits.ledger.sealing import seal_of_archive
from quickscale_credits.models import (
    Allocation,
    ArchivedEntries,
    ArchivedSum,
    CreditAccount,
    LedgerEntry,
)
from quickscale_credits.testing import fund
from tests.credits.archives import SOUND, archive, before, goes, later, lines, reports, spent, standing
from tests.credits.commands import run
from tests.credits.test_tampering import another, behind_the_triggers, found, is_noticed

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb, pytest.mark.usefixtures("small_pages")]
committed = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", ["spend", "grant"])
@pytest.mark.parametrize("model", [LedgerEntry, Allocation])
def test_no_row_can_be_deleted_that_nothing_stands_for(user, clock, tmp_path, model, kind):
    fund(user, 10)
    fund(user, 10)
    ledger.spend(user, 15, reason="report")
    ledger.spend(user, 5, reason="last")
    later(clock)
    rows = models.QuerySet(LedgerEntry).filter(kind=kind)
    if model is Allocation:
        rows = models.QuerySet(Allocation)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows._raw_delete("default")
    assert LedgerEntry.objects.count() == 4
    assert Allocation.objects.count() == 2


@pytest.mark.parametrize("change", ["kind", "key", "after", "before"])
def test_a_row_that_covers_an_entry_lets_no_other_go(user, clock, change):
    fund(user, 10)
    ledger.spend(user, 1, reason="report", idempotency_key="key" if change == "key" else None)
    ledger.spend(user, 1, reason="report")
    ledger.spend(user, 1, reason="report")
    first, last, wanted = {"kind": (1, 1, 1), "key": (2, 2, 2), "after": (2, 2, 3), "before": (3, 3, 2)}[change]
    with transaction.atomic():
        cover(user.credit_account, first, last)
        with pytest.raises(DatabaseError), transaction.atomic():
            models.QuerySet(LedgerEntry).filter(sequence=wanted)._raw_delete("default")
        transaction.set_rollback(True)
    with transaction.atomic():
        cover(user.credit_account, 3, 3)
        models.QuerySet(LedgerEntry).filter(sequence=3)._raw_delete("default")
        transaction.set_rollback(True)


def cover(account, first, last):
    now = timezone.now()
    numbers = {"first_sequence": first, "last_sequence": last, "balance_before": 0, "balance_after": 0}
    ArchivedEntries.objects.create(account=account, **numbers, since=now, until=now, digest="", seal=0)


@pytest.mark.parametrize("model", [ArchivedEntries, ArchivedSum])
def test_what_stands_for_entries_is_never_changed(user, clock, tmp_path, model):
    assert goes(spent(user, clock), tmp_path)
    table = model._meta.db_table
    statements = [f"UPDATE {table} SET id = id", f"DELETE FROM {table}"]
    if connection.vendor == "sqlite":
        statements.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    for statement in statements:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert run("verify_ledger") == SOUND


def test_an_account_that_is_damaged_is_left_as_it_is(user, grace, clock, tmp_path):
    entry = spent(user, clock)
    fund(grace, 10)
    others = ledger.spend(grace, 4, reason="report")
    ledger.spend(grace, 1, reason="last")
    later(clock)
    CreditAccount.objects.filter(owner=user).update(balance=7)
    with pytest.raises(CommandError, match="1 accounts that are not sound"):
        archive(tmp_path / "entries.jsonl")
    assert {line["id"] for line in lines(tmp_path / "entries.jsonl")} == {others.pk}
    assert LedgerEntry.objects.filter(pk=entry.pk).exists()
    CreditAccount.objects.filter(owner=user).update(balance=5)


@pytest.mark.once
def test_the_time_zone_of_archived_days_cannot_be_changed(months, tmp_path, settings):
    archive(tmp_path / "entries.jsonl")
    was = standing()
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Etc/GMT-3"}
    with pytest.raises(CommandError, match="Archived rows are counted in the days of UTC"):
        run("rollup_usage", "--rebuild")
    with pytest.raises(CommandError, match="rollup_usage first"):
        archive(tmp_path / "more.jsonl")
    settings.QUICKSCALE_CREDITS = {}
    assert standing() == was


@pytest.mark.once
def test_reports_of_another_time_zone_still_have_what_was_archived(months, tmp_path, settings):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Etc/GMT"}
    was = reports()
    settings.QUICKSCALE_CREDITS = {}
    archive(tmp_path / "entries.jsonl")
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Etc/GMT"}
    assert reports() == was


@pytest.mark.once
def test_a_file_is_never_written_over(months, tmp_path):
    (tmp_path / "entries.jsonl").write_text("mine")
    number = LedgerEntry.objects.count()
    with pytest.raises(CommandError, match="never written over"):
        archive(tmp_path / "entries.jsonl")
    assert (tmp_path / "entries.jsonl").read_text() == "mine"
    assert LedgerEntry.objects.count() == number


@pytest.mark.once
def test_a_dry_run_says_how_many_would_go_and_in_how_many_stretches(months, tmp_path, monkeypatch):
    monkeypatch.setattr(archiving, "PAGE", 10_000)
    monkeypatch.setattr(archiving, "NUMBERS", 3)
    number = LedgerEntry.objects.count()
    said = archive(tmp_path, "--dry-run")
    assert LedgerEntry.objects.count() == number
    archive(tmp_path / "entries.jsonl")
    going, rows = number - LedgerEntry.objects.count(), ArchivedEntries.objects.count()
    assert said == f"{going} entries in {rows} stretches would be archived.\n"


@pytest.mark.once
@pytest.mark.parametrize("day", ["yesterday", "2026-02-31", "2026-01-01", "2025-12-16"])
def test_a_day_that_is_none_or_too_young_is_refused(db, clock, day, tmp_path):
    with pytest.raises(CommandError, match="--before"):
        run("archive_entries", "--before", day, "--output", tmp_path / "entries.jsonl")
    assert not list(tmp_path.iterdir())


@pytest.mark.once
def test_nothing_goes_before_anything_was_added_up(user, clock, tmp_path):
    with pytest.raises(CommandError, match="rollup_usage"):
        archive(tmp_path / "entries.jsonl")
    with pytest.raises(CommandError, match="--output"):
        run("archive_entries", "--before", before())
    assert not list(tmp_path.iterdir())


# What is damaged, and what was before


@committed
@pytest.mark.once
@pytest.mark.parametrize("model", [ArchivedEntries, ArchivedSum])
def test_what_stands_for_entries_cannot_be_tampered_with_unnoticed(user, clock, tmp_path, model):
    fund(user, 3, credit_type="promotional")
    assert goes(spent(user, clock), tmp_path)
    assert ArchivedSum.objects.count() == 2
    unnoticed = []
    with behind_the_triggers():
        for row in models.QuerySet(model):
            changes = [{field.attname: another(row, field)} for field in model._meta.concrete_fields]
            changes = [None, *(change for change in changes if "id" not in change)]
            unnoticed += [change for change in changes if not is_noticed(row, change)]
    assert unnoticed == []


@committed
@pytest.mark.once
@pytest.mark.parametrize("by", [{"kind": "expiry"}, {"amount": -1}, {"entries": 7}, {"grant": None}])
def test_sums_that_were_sealed_anew_still_have_to_agree(user, clock, tmp_path, by):
    assert goes(spent(user, clock), tmp_path)
    others = fund(user, 10).grant
    with behind_the_triggers():
        models.QuerySet(ArchivedSum).update(**{name: value or others for name, value in by.items()})
        row = ArchivedEntries.objects.get()
        models.QuerySet(ArchivedEntries).update(seal=seal_of_archive(row, row.sums.all()))
        assert found()


@committed
def test_triggers_of_an_earlier_version_are_replaced(user, clock, tmp_path):
    entry = spent(user, clock)
    with triggers.lifted("default"), connection.cursor() as cursor:
        for statement in EARLIER[connection.vendor]:
            cursor.execute(statement)
    assert goes(entry, tmp_path)
    assert triggers.missing("default") == []


ENTRIES = "quickscale_credits_ledgerentry"
REFUSING = "quickscale_credits_refuse_change"
EARLIER = {
    "sqlite": [
        f"CREATE TRIGGER {ENTRIES}_no_delete BEFORE DELETE ON {ENTRIES} BEGIN SELECT RAISE(ABORT, 'append-only'); END"
    ],
    "mysql": [
        f"CREATE TRIGGER {ENTRIES}_no_delete BEFORE DELETE ON {ENTRIES} FOR EACH ROW SIGNAL SQLSTATE '45000'",
    ],
    "postgresql": [
        f"CREATE TRIGGER {ENTRIES}_no_change BEFORE DELETE ON {ENTRIES} FOR EACH ROW EXECUTE FUNCTION {REFUSING}()"
    ],
}
