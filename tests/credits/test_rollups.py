"""Rollups equal what anybody would get who adds the entries up, however often, late or at once they are made."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.analytics import Period, reading, rollups, spenders
from quickscale_credits.conf import conf
from quickscale_credits.ledger import expiring
from quickscale_credits.models import AccountRollup, LedgerEntry, RollupProgress, UsageRollup
from quickscale_credits.testing import fund
from tests.credits.commands import run
from tests.credits.crowds import owners, owners_with_due_credits
from tests.stories.threads import at_once

pytestmark = pytest.mark.mariadb
committed = pytest.mark.django_db(transaction=True)
LATER = timedelta(minutes=10)


def require_time_zones():
    if not connection.features.has_zoneinfo_database:
        pytest.skip("this server has no time zone tables, and knows UTC alone")


def rolled_up():
    rows = UsageRollup.objects.all()
    return {(row.day, row.kind, row.credit_type, row.reason): (row.count, row.amount) for row in rows}


def day_of(entry):
    return entry.created_at.astimezone(ZoneInfo(conf.REPORTING_TIME_ZONE)).date()


def rolled_up_by_account():
    rows = AccountRollup.objects.all()
    return {(row.account_id, row.span, row.start): (row.spends, row.spent) for row in rows}


def added_up_by_account():
    counts, amounts = Counter(), Counter()
    for entry in LedgerEntry.objects.filter(kind="spend"):
        day = day_of(entry)
        for key in [(entry.account_id, "day", day), (entry.account_id, "month", day.replace(day=1))]:
            counts[key] += 1
            amounts[key] -= entry.amount
    return {key: (counts[key], amounts[key]) for key in counts}


def added_up():
    """The same in plain Python: an entry counts once for each grant that it touched."""
    counts, amounts = Counter(), Counter()
    for entry in LedgerEntry.objects.prefetch_related("allocations__grant").select_related("grant"):
        sign = 1 if entry.amount > 0 else -1
        parts = [(part.grant, sign * part.amount) for part in entry.allocations.all()] or [(entry.grant, entry.amount)]
        for grant, amount in parts:
            key = (day_of(entry), entry.kind, grant.credit_type, entry.reason)
            counts[key] += 1
            amounts[key] += amount
    return {key: (counts[key], amounts[key]) for key in counts}


def months_of_business(clock):
    """Grants of all types, spends over several of them, corrections, expiries: over three days."""
    ada, bob = owners(2)
    for _ in range(3):
        for owner in (ada, bob):
            fund(owner, "10.000001", credit_type="promotional", expires_at=timezone.now() + timedelta(days=1))
            bought = fund(owner, 20, reason="pack").grant
            spend = ledger.spend(owner, 15, reason="page")
            ledger.spend(owner, "0.5", reason="image")
            ledger.reverse(spend, 12, reason="complaint")
        ledger.transfer(ada, bob, 3, reason="gift")
        ledger.revoke(bought, reason="refund")
        clock.shift(timedelta(hours=25))
        ledger.expire()
    clock.shift(LATER)


def test_rollups_equal_an_independent_sum(db, clock):
    months_of_business(clock)
    run("rollup_usage")
    assert rolled_up() == added_up()
    assert {kind for _, kind, _, _ in rolled_up()} > {"grant", "spend", "reversal", "revocation", "expiry"}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_rollups_by_account_equal_an_independent_sum_in_any_time_zone(db, clock, settings, zone):
    if zone != "UTC":
        require_time_zones()
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": zone}
    months_of_business(clock)
    run("rollup_usage")
    assert rolled_up() == added_up()
    assert rolled_up_by_account() == added_up_by_account()


def test_a_database_without_time_zones_is_told_apart(db, settings, monkeypatch):
    monkeypatch.setattr(connection.features, "has_zoneinfo_database", False)
    assert run("rollup_usage") == "0 entries added up.\n0 runs added up.\n"
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Asia/Tokyo"}
    assert "quickscale_credits.E006" in [message.id for message in run_checks(databases=["default"])]
    with pytest.raises(CommandError, match="E006"):
        run("rollup_usage")


def test_rollups_are_not_mixed_of_two_time_zones(user, clock, settings):
    require_time_zones()
    months_of_business(clock)
    run("rollup_usage")
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Asia/Tokyo"}
    with pytest.raises(CommandError, match="--rebuild"):
        run("rollup_usage")
    assert "quickscale_credits.W005" in [message.id for message in run_checks(databases=["default"])]
    run("rollup_usage", "--rebuild")
    assert rolled_up() == added_up()
    assert run_checks(databases=["default"]) == []


def test_an_entry_of_two_grants_counts_for_both_types(user, clock):
    fund(user, 3, credit_type="promotional")
    fund(user, 10)
    ledger.spend(user, 5, reason="page")
    clock.shift(LATER)
    run("rollup_usage")
    spent = {key[2]: value for key, value in rolled_up().items() if key[1] == "spend"}
    assert spent == {"promotional": (1, Decimal(-3)), "pay_as_you_go": (1, Decimal(-2))}


def test_a_second_run_counts_only_what_came_since(user, clock):
    fund(user, 10)
    clock.shift(LATER)
    assert run("rollup_usage") == "1 entries added up.\n0 runs added up.\n"
    assert run("rollup_usage") == "0 entries added up.\n0 runs added up.\n"
    ledger.spend(user, 4, reason="page")
    clock.shift(LATER)
    run("rollup_usage")
    assert rolled_up() == added_up()


def test_pages_add_up_to_the_whole(db, clock, monkeypatch):
    monkeypatch.setattr(rollups, "PAGE", 4)
    months_of_business(clock)
    run("rollup_usage")
    assert rolled_up() == added_up()


def test_what_a_long_transaction_commits_late_is_counted_late_but_once(db, clock):
    ada, bob = owners(2)
    fund(ada, 10)
    fund(bob, 10)
    clock.shift(timedelta(days=2))
    run("rollup_usage")
    late = LedgerEntry.objects.filter(pk__lt=LedgerEntry.objects.latest("pk").pk)
    RollupProgress.objects.filter(account=late.get().account_id).update(sequence=0)
    UsageRollup.objects.update(count=1, amount=10)
    run("rollup_usage")
    assert rolled_up() == added_up()


def test_reports_look_for_uncounted_entries_from_the_first_one_on(db, clock):
    ada, bob = owners(2)
    fund(ada, 10)
    fund(bob, 10)
    run("rollup_usage")
    assert not reading.uncounted().exists()
    late = ledger.spend(bob, 1, reason="page")
    ledger.spend(ada, 1, reason="page")
    assert reading.uncounted().count() == 2
    assert reading._first_uncounted() == late.pk


def test_what_a_long_sweep_books_is_as_young_as_it_is(db, clock, monkeypatch):
    monkeypatch.setattr(expiring, "PAGE", 1)
    owners_with_due_credits(2)
    sweep = expiring.expire_each()
    next(sweep)
    clock.shift(LATER)
    next(sweep)
    first, second = LedgerEntry.objects.filter(kind="expiry").order_by("pk")
    assert second.created_at - first.created_at == LATER


def test_rebuilding_gives_the_same_again(db, clock):
    months_of_business(clock)
    run("rollup_usage")
    UsageRollup.objects.filter(kind="spend").update(count=1000)
    run("rollup_usage", "--rebuild")
    assert rolled_up() == added_up()


def test_verifying_compares_the_rollups_with_the_entries(db, clock):
    months_of_business(clock)
    run("rollup_usage")
    assert run("verify_ledger") == "The ledger is sound.\n"


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (UsageRollup, {"amount": 7}),
        (UsageRollup, {"count": 7}),
        (AccountRollup, {"spent": 7}),
        (AccountRollup, {"spends": 0}),
    ],
)
def test_verifying_finds_a_rollup_that_says_something_else(db, clock, model, change, capsys):
    months_of_business(clock)
    run("rollup_usage")
    changed = model.objects.latest("pk")
    model.objects.filter(pk=changed.pk).update(**change)
    with pytest.raises(CommandError, match="1 problems"):
        call_command("verify_ledger")
    assert "run rollup_usage --rebuild" in capsys.readouterr().out


def test_verifying_finds_a_rollup_that_is_gone(db, clock, capsys):
    months_of_business(clock)
    run("rollup_usage")
    AccountRollup.objects.latest("pk").delete()
    with pytest.raises(CommandError, match="1 problems"):
        call_command("verify_ledger")


@committed
def test_two_at_once_count_every_entry_once(db, monkeypatch, clock):
    monkeypatch.setattr(rollups, "PAGE", 2)
    months_of_business(clock)
    counts = at_once(4, lambda: sum(rollups.roll_up()))
    assert rolled_up() == added_up()
    assert sum(counts) == LedgerEntry.objects.count()


@committed
def test_rebuilding_while_another_rolls_up_counts_every_entry_once(db, monkeypatch, clock):
    monkeypatch.setattr(rollups, "PAGE", 2)
    months_of_business(clock)
    turns = iter([rollups.roll_up, rollups.rebuild, rollups.roll_up, rollups.rebuild])
    answers = at_once(4, lambda: sum(next(turns)()))
    assert all(isinstance(answer, int) for answer in answers), answers
    assert rolled_up() == added_up()


def statistics():
    with connection.cursor() as cursor:
        if "sqlite_stat1" not in connection.introspection.table_names(cursor):
            return {}
        cursor.execute("SELECT tbl, MAX(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl")
        return dict(cursor.fetchall())


def test_sqlite_knows_its_tables_afterwards_and_is_asked_for_no_more_than_before(db):
    if connection.vendor != "sqlite":
        pytest.skip("servers renew their statistics by themselves")
    for owner in owners(3):
        fund(owner, 10)
    assert "quickscale_credits_ledgerentry" not in statistics()
    run("rollup_usage")
    found = statistics()
    assert found["quickscale_credits_ledgerentry"] == 3
    assert found["quickscale_credits_usagerollup"] == 1
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA analysis_limit")
        assert cursor.fetchone() == (0,)


def test_reports_have_an_account_that_was_made_since_the_last_run(user, clock):
    run("rollup_usage")
    fund(user, 10)
    ledger.spend(user, 4, reason="page")
    period = Period.last_days(7)
    assert {(flow.kind, flow.amount) for flow in reading.flows(period)} == {("grant", 10), ("spend", -4)}
    assert spenders.number(period) == 1
