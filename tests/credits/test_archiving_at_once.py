"""Archives made beside other work, and cut off by a kill."""

import signal
from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, models

from quickscale_credits import ledger, triggers
from quickscale_credits.ledger import pictures
from quickscale_credits.models import (
    ArchivedEntries,
    CreditAccount,
    LedgerEntry,
)
from quickscale_credits.testing import fund
from tests.credits.archives import SOUND, archive, before, goes, later, lines, spent, standing
from tests.credits.commands import run
from tests.credits.patience import waiting_at_most
from tests.stories.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb, pytest.mark.usefixtures("small_pages")]
committed = pytest.mark.django_db(transaction=True)


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
