"""Old entries go to a file; balances, limits, reports and verification stay as exact as they were."""

import json
import signal
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from uuid import uuid4

import pytest
from django.core.management import CommandError
from django.db import DatabaseError, OperationalError, connection, models, transaction
from django.utils import timezone

from quickscale_credits import analytics, archiving, ledger, triggers
from quickscale_credits.analytics import rollups
from quickscale_credits.analytics.answers import ask
from quickscale_credits.archives import as_line, columns_of
from quickscale_credits.exceptions import IdempotencyConflict, SpendingLimitExceeded
from quickscale_credits.ledger import pictures
from quickscale_credits.ledger.sealing import seal_of_archive
from quickscale_credits.models import (
    AccountRollup,
    Allocation,
    ArchivedEntries,
    ArchivedSum,
    CreditAccount,
    CreditGrant,
    Hold,
    LedgerEntry,
    SpendingLimit,
    UsageRollup,
)
from quickscale_credits.testing import fund
from quickscale_services.models import ServiceRun
from tests.credits.business import Business
from tests.credits.commands import run
from tests.credits.crowds import owners
from tests.credits.patience import waiting_at_most
from tests.credits.test_tampering import another, behind_the_triggers, found, is_noticed
from tests.services.samples import CountWords
from tests.stories.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]
committed = pytest.mark.django_db(transaction=True)
SOUND = "The ledger is sound.\n"


def before(days=31):
    return (timezone.now() - timedelta(days=days)).date()


def midnight(day):
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def archive(path, *options):
    return run("archive_entries", "--before", before(), *(options or ["--output", path]))


def later(clock, days=60):
    clock.shift(timedelta(days=days))
    run("rollup_usage")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def everybody():
    """What no archive may change, but for the moments at which rows were written."""
    accounts = CreditAccount.objects.order_by("pk").values("pk", "balance", "held", "debt", "sequence")
    grants = CreditGrant.objects.order_by("pk").values()
    return list(accounts), list(grants), [ledger.balance(account) for account in CreditAccount.objects.order_by("pk")]


def reports():
    periods = [analytics.Period.last_months(12), analytics.Period.last_days(90), analytics.Period.last_days(45)]
    keys = [key for key, panel in analytics.registry.items() if type(panel).__module__.startswith("quickscale_credits")]
    return [plain(ask(analytics.registry[key], period)) for key in keys for period in periods]


def plain(answer):
    series = [(each.key, dict(each.points)) for each in answer.series]
    tables = [(each.title, [tuple(row) for row in each.rows]) for each in answer.tables]
    return [(figure.label, figure.value) for figure in answer.figures], series, tables


def rolled_up():
    kinds = UsageRollup.objects.values_list("day", "kind", "credit_type", "reason", "count", "amount")
    accounts = AccountRollup.objects.values_list("account", "span", "start", "spends", "spent")
    return sorted(kinds), sorted(accounts)


def standing():
    return everybody(), reports(), rolled_up()


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    """So that a stretch is cut by the end of a page, and that verification reads more than one."""
    monkeypatch.setattr(archiving, "PAGE", 20)
    monkeypatch.setattr(pictures, "PAGE", 7)


@pytest.fixture
def months(db, clock):
    """Three months of three owners, in which everything happens; then nothing for two days."""
    business = Business(clock, owners(3), seed=7)
    business.run(250, pause=timedelta(hours=18))
    later(clock, days=2)


def test_old_entries_go_to_the_file_and_all_else_stays_as_it_was(months, tmp_path):
    rows = {entry.pk: entry for entry in LedgerEntry.objects.all()}
    was = standing()
    said = archive(tmp_path / "entries.jsonl")
    left = set(LedgerEntry.objects.values_list("pk", flat=True))
    filed = lines(tmp_path / "entries.jsonl")
    assert {line["id"] for line in filed} == rows.keys() - left
    assert len(filed) > 30
    assert max(line["created_at"] for line in filed) < str(before())
    assert LedgerEntry.objects.filter(kind="spend", idempotency_key=None, created_at__gte=midnight(before())).exists()
    assert {line["kind"] for line in filed} == {"spend", "expiry"}
    assert said.startswith(f"{len(filed)} entries archived")
    assert sha256((tmp_path / "entries.jsonl").read_bytes()).hexdigest() in said
    assert ArchivedEntries.objects.number() == len(filed)
    assert standing() == was
    assert run("verify_ledger") == SOUND


def test_rollups_can_be_counted_anew_after_entries_were_archived(months, tmp_path, monkeypatch):
    was = standing()
    archive(tmp_path / "entries.jsonl")
    monkeypatch.setattr(rollups, "PAGE", 11)
    run("rollup_usage", "--rebuild")
    assert standing() == was
    assert run("verify_ledger") == SOUND


def test_reports_are_right_while_rollups_are_counted_anew(months, tmp_path, monkeypatch):
    was = reports()
    archive(tmp_path / "entries.jsonl")
    monkeypatch.setattr(rollups, "PAGE", 11)
    for number, _ in enumerate(rollups.rebuild()):
        if number % 5 == 0:
            assert reports() == was


def test_a_second_archive_takes_up_where_the_first_ended(months, tmp_path, clock):
    archive(tmp_path / "first.jsonl")
    Business(clock, [account.owner for account in CreditAccount.objects.all()], seed=8).run(60)
    later(clock, days=40)
    was = standing()
    archive(tmp_path / "second.jsonl")
    assert lines(tmp_path / "second.jsonl")
    assert standing() == was
    assert run("verify_ledger") == SOUND


@pytest.mark.once
def test_the_lines_are_the_rows_with_all_that_goes_with_them(user, clock, tmp_path):
    fund(user, 10)
    fund(user, 10)
    hold = ledger.hold(user, 15, reason="work", metadata={"pages": [1, 2]})
    entry = ledger.capture(hold, 14)
    ledger.spend(user, "0.000001", reason="last")
    hold.refresh_from_db()
    expected = columns_of(entry) | {
        "allocations": {part.grant_id: part.amount for part in entry.allocations.all()},
        "hold": columns_of(hold) | {"allocations": {part.grant_id: part.amount for part in hold.allocations.all()}},
    }
    later(clock)
    archive(tmp_path / "entries.jsonl")
    assert (tmp_path / "entries.jsonl").read_text() == as_line(expected)
    assert len(expected["allocations"]) == len(expected["hold"]["allocations"]) == 2
    assert not Hold.objects.exists()
    assert not Allocation.objects.exists()


def test_each_row_that_stays_bears_the_digest_of_its_lines(months, tmp_path):
    archive(tmp_path / "entries.jsonl")
    written = (tmp_path / "entries.jsonl").read_text().splitlines(keepends=True)
    text = {(json.loads(line)["account_id"], json.loads(line)["sequence"]): line for line in written}
    for row in ArchivedEntries.objects.all():
        numbers = range(row.first_sequence, row.last_sequence + 1)
        whole = "".join(text[row.account_id, number] for number in numbers)
        assert row.digest == sha256(whole.encode()).hexdigest()


def spent(user, clock, **options):
    """A spend of two months ago that is not the last entry of its account."""
    fund(user, 10)
    entry = ledger.spend(user, 4, reason="report", **options)
    ledger.spend(user, 1, reason="last", idempotency_key="last")
    later(clock)
    return entry


def goes(entry, tmp_path):
    archive(tmp_path / f"{uuid4()}.jsonl")
    assert run("verify_ledger") == SOUND
    return not LedgerEntry.objects.filter(pk=entry.pk).exists()


def test_a_plain_spend_goes(user, clock, tmp_path):
    assert goes(spent(user, clock), tmp_path)


def test_a_spend_with_a_key_stays_and_is_replayed(user, clock, tmp_path):
    entry = spent(user, clock, idempotency_key="order-7")
    assert not goes(entry, tmp_path)
    assert ledger.spend(user, 4, reason="report", idempotency_key="order-7") == entry
    with pytest.raises(IdempotencyConflict):
        ledger.spend(user, 5, reason="report", idempotency_key="order-7")


def test_a_reversed_spend_stays_and_the_rest_of_it_can_be_reversed(user, clock, tmp_path):
    entry = spent(user, clock)
    ledger.reverse(entry, 1, reason="complaint")
    assert not goes(entry, tmp_path)
    ledger.reverse(entry, reason="complaint")
    assert ledger.balance(user).total == 9


def test_the_last_entry_of_an_account_stays(user, clock, tmp_path):
    fund(user, 10)
    entry = ledger.spend(user, 10, reason="report")
    later(clock)
    assert not goes(entry, tmp_path)


def test_a_captured_hold_with_a_key_keeps_its_entry(user, clock, tmp_path):
    fund(user, 10)
    hold = ledger.hold(user, 4, reason="work", idempotency_key="work-7")
    entry = ledger.capture(hold)
    ledger.spend(user, 1, reason="last")
    later(clock)
    assert not goes(entry, tmp_path)
    assert ledger.hold(user, 4, reason="work", idempotency_key="work-7") == hold


@pytest.mark.parametrize("hold", [{}, {"hold": None}], ids=["with its hold", "alone"])
def test_what_a_row_of_another_app_names_stays_until_that_is_gone(user, clock, tmp_path, hold):
    entry = spent_on_a_run(user)
    if hold:
        ServiceRun.objects.update(**hold)
    later(clock)
    assert not goes(entry, tmp_path)
    run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    assert goes(entry, tmp_path)
    assert not Hold.objects.exists()


def spent_on_a_run(user):
    fund(user, 10)
    entry = CountWords().run(user, text="one").run.entry
    ledger.spend(user, 1, reason="last")
    return entry


def test_what_is_not_added_up_stays(user, clock, tmp_path):
    run("rollup_usage")
    fund(user, 10)
    entry = ledger.spend(user, 4, reason="report")
    ledger.spend(user, 1, reason="last")
    clock.shift(timedelta(days=60))
    assert not goes(entry, tmp_path)
    run("rollup_usage")
    assert goes(entry, tmp_path)


@pytest.mark.parametrize("of_member", [False, True])
def test_a_limit_on_everything_ever_counts_what_was_archived(user, grace, clock, tmp_path, of_member):
    assert goes(spent(user, clock, actor=grace), tmp_path)
    SpendingLimit.objects.create(
        account=user.credit_account, amount=6, period="total", member=grace if of_member else None
    )
    with pytest.raises(SpendingLimitExceeded) as refusal:
        ledger.spend(user, 3, reason="report", actor=grace)
    assert refusal.value.spent == (4 if of_member else 5)
    ledger.spend(user, 1, reason="report", actor=grace)


def test_a_limit_of_a_month_or_of_another_member_does_not_count_it(user, grace, clock, tmp_path):
    assert goes(spent(user, clock, actor=grace), tmp_path)
    account = user.credit_account
    SpendingLimit.objects.create(account=account, amount=3, period="total", member=user)
    SpendingLimit.objects.create(account=account, amount=3, period="month")
    ledger.spend(user, 3, reason="report", actor=user)


# What is refused


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


# What is told


@pytest.mark.once
def test_the_history_says_how_many_entries_were_archived(client, user, clock, tmp_path):
    client.force_login(user)
    assert "archived" not in client.get("/credits/").content.decode()
    assert goes(spent(user, clock), tmp_path)
    client.force_login(user)  # two months later
    assert "1 older entry was archived." in client.get("/credits/").content.decode()


@pytest.mark.once
def test_the_account_in_the_admin_says_how_many_entries_were_archived(admin_client, user, clock, tmp_path):
    assert goes(spent(user, clock), tmp_path)
    page = admin_client.get(f"/admin/quickscale_credits/creditaccount/{user.credit_account.pk}/change/")
    assert "Archived entries" in page.content.decode()


@pytest.mark.once
def test_an_export_says_what_it_has_not(user, grace, clock, tmp_path, capsys):
    day = timezone.now().date()
    assert goes(spent(user, clock), tmp_path)
    fund(grace, 1)
    told = f"1 entries, the last of {day}, were archived"
    for options, is_told in {
        (): True,
        ("--owner", str(user.pk)): True,
        ("--until", str(day + timedelta(days=1))): True,
        ("--owner", str(grace.pk)): False,
        ("--until", str(day)): False,
        ("--since", str(day + timedelta(days=1))): False,
    }.items():
        assert (told in exported(capsys, *options)) == is_told, options


def exported(capsys, *options):
    from django.core.management import call_command

    call_command("export_ledger", *options)
    return capsys.readouterr().err


# At once, and cut off


@pytest.mark.parametrize("again", range(4, 15))
def test_archives_made_while_an_account_is_verified_do_not_look_like_damage(user, clock, tmp_path, again):
    """One when the second page is read, and one at any moment later: also when the account is looked at again."""
    fund(user, 100)
    for _ in range(2):
        for _ in range(20):
            ledger.spend(user, 1, reason="report")
        clock.shift(timedelta(days=20))
    ledger.spend(user, 1, reason="last")
    later(clock)
    moments, pages = {3: before(90), again: before(70)}, count(1)

    def archiving_meanwhile(execute, sql, params, many, context):
        is_page = sql.startswith("SELECT") and "ORDER BY" in sql and "ledgerentry" in sql.split("FROM")[1]
        if is_page and moments and (number := next(pages)) in moments:
            day, rest = moments.pop(number), dict(moments)
            moments.clear()  # what the command itself reads is none of these pages
            run("archive_entries", "--before", day, "--output", tmp_path / f"{number}.jsonl")
            moments.update(rest)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(archiving_meanwhile):
        assert ledger.verify().problems == ()
    assert [len(lines(path)) for path in tmp_path.iterdir()] == [20, 20][: 2 - len(moments)]


def test_what_another_archive_takes_meanwhile_is_not_filed_in_part(months, tmp_path, monkeypatch):
    """It has gone with its allocations between the reading of the entries and that of what goes with them."""
    entries, gone = LedgerEntry.objects.count(), []

    def another_archive(execute, sql, params, many, context):
        is_of_holds = sql.startswith("SELECT") and 'credits_hold"."entry_id" IN' in sql.replace("`", '"')
        if is_of_holds and not gone:
            gone.append(True)
            archive(tmp_path / "second.jsonl")
        return execute(sql, params, many, context)

    monkeypatch.setattr(pictures, "PAGE", 2000)
    with connection.execute_wrapper(another_archive):
        said = archive(tmp_path / "first.jsonl")
    assert said.startswith("0 entries")
    assert len(lines(tmp_path / "second.jsonl")) == entries - LedgerEntry.objects.count() > 0
    assert lines(tmp_path / "first.jsonl") == []


@committed
def test_two_at_once_archive_each_entry_once(months, tmp_path):
    was, number = standing(), LedgerEntry.objects.count()
    answered = at_once(2, lambda: archive(tmp_path / f"{uuid4()}.jsonl"))
    assert all(isinstance(said, str) for said in answered), answered
    gone = sum(int(said.split()[0]) for said in answered)
    assert gone == ArchivedEntries.objects.number() == number - LedgerEntry.objects.count() > 0
    assert standing() == was
    assert run("verify_ledger") == SOUND


@committed
def test_nobody_reverses_an_entry_while_it_goes(user, clock, tmp_path):
    entry, answered = spent(user, clock), []

    def reverse():
        with waiting_at_most(1):
            return ledger.reverse(entry, reason="complaint")

    def reversing_meanwhile(execute, sql, params, many, context):
        if sql.startswith("DELETE") and not answered:
            answered.extend(at_once(1, reverse))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(reversing_meanwhile):
        assert goes(entry, tmp_path)
    assert isinstance(answered[0], OperationalError)


@committed
def test_verbs_go_on_beside_an_archive(months, tmp_path):
    jobs = iter([lambda: archive(tmp_path / "entries.jsonl"), *[spend_and_give_back] * 3])
    for answer in at_once(4, lambda: next(jobs)()):
        assert not isinstance(answer, Exception), answer
    assert ArchivedEntries.objects.exists()
    run("rollup_usage")
    assert run("verify_ledger") == SOUND


def spend_and_give_back():
    for account in CreditAccount.objects.all():
        for _ in range(5):
            fund(account, 3)
            ledger.reverse(ledger.spend(account, 2, reason="report"), 1, reason="complaint")


KILLED = """
    import os, signal, sys
    from itertools import count
    from pathlib import Path
    from django.core.management import call_command
    from django.db import connection
    from quickscale_credits import archiving

    archiving.PAGE = 20
    moments = count(1)
    kinds = sys.argv[4].split(",")

    def kill_at(kind):
        if kind in kinds and next(moments) == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)

    def kill(execute, sql, *arguments):
        result = execute(sql, *arguments)
        kill_at(sql.split()[0])
        return result

    def commit(committing=connection.commit):
        committing()
        kill_at("COMMIT")

    connection.commit = commit
    with connection.execute_wrapper(kill):
        call_command("archive_entries", before=sys.argv[2], output=Path(sys.argv[3]))
"""
WRITES = "INSERT,DELETE"


@committed
@pytest.mark.parametrize(
    "moment", [*((number, WRITES) for number in (1, 2, 3, 5, 6, 9)), (2, "COMMIT"), (30, "SELECT")]
)
def test_a_command_that_is_killed_loses_nothing_and_runs_again(months, spawn, tmp_path, moment):
    number, kinds = moment
    entries, was = set(LedgerEntry.objects.values_list("pk", flat=True)), standing()
    killed = spawn(KILLED, number, before(), tmp_path / "first.jsonl", kinds)
    assert killed.wait(timeout=120) == -signal.SIGKILL, killed.stderr.read()
    assert run("verify_ledger") == SOUND
    archive(tmp_path / "second.jsonl")
    kept = set(LedgerEntry.objects.values_list("pk", flat=True))
    filed = [line["id"] for name in ("first", "second") for line in lines(tmp_path / f"{name}.jsonl")]
    assert set(filed) | kept == entries
    assert not set(filed) & kept
    assert standing() == was
    assert run("verify_ledger") == SOUND


@committed
@pytest.mark.once
def test_a_table_of_archives_can_be_rebuilt_by_a_later_migration(user, clock, tmp_path):
    """SQLite copies it, and a trigger of another table must not name it then."""
    assert goes(spent(user, clock), tmp_path)
    with triggers.lifted("default"), connection.schema_editor() as editor:
        was, wanted = (text_of(length) for length in (64, 70))
        editor.alter_field(ArchivedEntries, was, wanted)
        editor.alter_field(ArchivedEntries, wanted, was)
    assert run("verify_ledger") == SOUND


def text_of(length):
    field = models.CharField(max_length=length)
    field.set_attributes_from_name("digest")
    field.model = ArchivedEntries
    return field
