"""Old runs go to a file; reports, the ledger and what may still be asked for stay as they were."""

import json
import signal
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import pytest
from django.core.management import CommandError
from django.utils import timezone

from quickscale_credits import analytics, ledger
from quickscale_credits.models import Hold, LedgerEntry
from quickscale_credits.testing import fund
from quickscale_services.models import ArchivedRuns, ServiceRun
from tests.credits.commands import run
from tests.services.samples import CountWords
from tests.services.test_service_figures import answers, runs_of_months
from tests.stories.threads import at_once

pytestmark = pytest.mark.django_db
PANELS = ("services", "failures", "service-accounts", "margin")


def before(days=31):
    return (timezone.now() - timedelta(days=days)).date()


def reports():
    periods = [analytics.Period.last_months(12), analytics.Period.last_days(90), analytics.Period.last_days(45)]
    return [answers(key, period) for key in PANELS for period in periods]


@pytest.fixture
def months(db, clock, settings):
    settings.QUICKSCALE_SERVICES = {"CREDIT_VALUE": {"amount": "0.02", "currency": "usd"}}
    runs_of_months(clock, seed=7)
    ServiceRun.objects.under_way().update(status="failed", error_code="service_lost")
    ServiceRun.objects.update(finished_at=timezone.now() - timedelta(days=32))
    clock.shift(timedelta(days=2))
    run("rollup_usage")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.mariadb
def test_runs_go_to_the_file_and_every_report_stays_equal(months, tmp_path):
    runs, entries, shown = set(ServiceRun.objects.values_list("pk", flat=True)), LedgerEntry.objects.count(), reports()
    said = run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    left = set(ServiceRun.objects.values_list("pk", flat=True))
    assert {line["id"] for line in lines(tmp_path / "runs.jsonl")} == {str(pk) for pk in runs - left}
    assert 0 < len(left) < len(runs)
    assert sha256((tmp_path / "runs.jsonl").read_bytes()).hexdigest() in said
    assert LedgerEntry.objects.count() == entries
    assert reports() == shown
    assert run("verify_ledger") == "The ledger is sound.\n"


def test_rollups_can_be_counted_anew_after_runs_were_archived(months, tmp_path):
    shown = reports()
    run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    run("rollup_usage", "--rebuild")
    run("rollup_usage")
    assert reports() == shown
    assert run("verify_ledger") == "The ledger is sound.\n"


@pytest.mark.once
def test_the_time_zone_of_archived_days_cannot_be_changed(months, tmp_path, settings):
    run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Etc/GMT-3"}
    with pytest.raises(CommandError, match=r"E006|Archived rows are counted in the days of UTC"):
        run("rollup_usage", "--rebuild")


@pytest.mark.once
def test_sums_that_were_tampered_with_are_found(months, tmp_path):
    run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    row = ArchivedRuns.objects.earliest("pk")
    ArchivedRuns.objects.filter(pk=row.pk).update(runs=row.runs + 1)
    with pytest.raises(CommandError, match="problems"):
        run("verify_ledger")
    ArchivedRuns.objects.filter(pk=row.pk).update(runs=row.runs)


@pytest.mark.once
def test_a_file_is_never_written_over(months, tmp_path):
    (tmp_path / "runs.jsonl").write_text("mine")
    number = ServiceRun.objects.count()
    with pytest.raises(CommandError, match="never written over"):
        run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    assert (tmp_path / "runs.jsonl").read_text() == "mine"
    assert ServiceRun.objects.count() == number


@pytest.mark.once
def test_a_dry_run_says_how_many_would_go(months, tmp_path):
    number = ServiceRun.objects.count()
    said = run("archive_runs", "--before", before(), "--dry-run")
    assert ServiceRun.objects.count() == number
    run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    assert said.startswith(f"{number - ServiceRun.objects.count()} runs")


@pytest.mark.parametrize("day", ["yesterday", "2026-02-31", "2026-01-14"])
def test_a_day_that_is_none_or_too_young_is_refused(db, clock, day, tmp_path):
    with pytest.raises(CommandError, match="--before"):
        run("archive_runs", "--before", day, "--output", tmp_path / "runs.jsonl")
    assert not list(tmp_path.iterdir())


def test_nothing_goes_that_is_not_added_up(user, clock, tmp_path):
    with pytest.raises(CommandError, match="rollup_usage"):
        run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")


def ended(user, clock, **columns):
    """A run of two months ago, added up."""
    fund(user, 10)
    done = CountWords().run(user, text="one").run
    ServiceRun.objects.filter(pk=done.pk).update(**columns)
    clock.shift(timedelta(days=60))
    run("rollup_usage")
    return done


@pytest.mark.parametrize("reason", ["replay", "hold", "under way"])
def test_a_run_of_which_something_may_still_be_asked_stays(user, clock, tmp_path, reason):
    done = ended(user, clock)
    if reason == "replay":
        ServiceRun.objects.update(replay_until=timezone.now() + timedelta(hours=1))
    elif reason == "hold":
        ServiceRun.objects.update(hold=ledger.hold(user, 1, reason="work", expires_in=timedelta(hours=1)))
    else:
        ServiceRun.objects.update(status="running", cost=0, entry=None, deadline=timezone.now() + timedelta(hours=1))
    said = run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    assert said.startswith("0 runs archived")
    assert ServiceRun.objects.get().pk == done.pk


def test_the_charge_of_an_archived_run_can_still_be_reversed(user, clock, tmp_path):
    done = ended(user, clock)
    run("archive_runs", "--before", before(), "--output", tmp_path / "runs.jsonl")
    assert not ServiceRun.objects.exists()
    ledger.reverse(done.entry, reason="complaint")
    assert ledger.balance(user).total == 10
    assert Hold.objects.get().entry == done.entry


@pytest.mark.django_db(transaction=True)
@pytest.mark.mariadb
def test_two_at_once_archive_each_run_once(months, tmp_path):
    shown = reports()
    answered = at_once(2, lambda: run("archive_runs", "--before", before(), "--output", tmp_path / f"{uuid4()}.jsonl"))
    gone = sum(int(said.split()[0]) for said in answered)
    assert gone == sum(ArchivedRuns.objects.values_list("runs", flat=True))
    assert reports() == shown
    assert run("verify_ledger") == "The ledger is sound.\n"


KILLED = """
    import os, signal, sys
    from itertools import count
    from django.core.management import call_command
    from django.db import connection
    from quickscale_services import archiving

    archiving.BATCH = 20
    moments = count(1)

    def kill(execute, *arguments):
        result = execute(*arguments)
        if next(moments) == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with connection.execute_wrapper(kill):
        call_command("archive_runs", before=sys.argv[2], output=__import__("pathlib").Path(sys.argv[3]))
"""


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", [4, 9, 11, 19])
def test_a_command_that_is_killed_loses_nothing_and_runs_again(months, spawn, tmp_path, moment):
    runs, shown = {str(pk) for pk in ServiceRun.objects.values_list("pk", flat=True)}, reports()
    # The process has a clock of its own, which is later than the test's: the day is the test's.
    killed = spawn(KILLED, moment, before(), tmp_path / "first.jsonl")
    assert killed.wait(timeout=60) == -signal.SIGKILL, killed.stderr.read()
    assert reports() == shown
    run("archive_runs", "--before", before(), "--output", tmp_path / "second.jsonl")
    kept = {str(pk) for pk in ServiceRun.objects.values_list("pk", flat=True)}
    filed = {line["id"] for name in ("first", "second") for line in lines(tmp_path / f"{name}.jsonl")}
    assert filed | kept == runs
    assert not filed & kept
    assert reports() == shown
    assert run("verify_ledger") == "The ledger is sound.\n"
