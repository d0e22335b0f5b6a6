"""The commands say what they did, fail with a remedy instead of a traceback, and go on where they were stopped."""

import signal
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from quickscale_credits import ledger
from quickscale_credits.management import ledger_command
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.signals import credits_granted
from quickscale_credits.testing import assert_balance, fund
from tests.credits.commands import PAUSING, assert_failed_kindly, manage, run
from tests.credits.crowds import owners, owners_with_due_credits
from tests.stories.threads import at_once

committed = pytest.mark.django_db(transaction=True)
SIGNUP = {"SIGNUP_GRANT": {"amount": 25, "expires_in": timedelta(days=30)}}


# expire_credits


@pytest.mark.mariadb
def test_expire_credits_books_what_is_due_and_says_how_much(db):
    [owner, other] = owners_with_due_credits(2)
    assert run("expire_credits") == "2 expiries booked.\n"
    assert [entry.kind for entry in owner.credit_account.entries.all()] == ["grant", "grant", "expiry"]
    assert_balance(other, 5)


def test_expire_credits_has_nothing_to_do_a_second_time(db):
    [owner] = owners_with_due_credits(1)
    run("expire_credits")
    assert run("expire_credits") == "0 expiries booked.\n"
    assert owner.credit_account.entries.filter(kind="expiry").count() == 1


def test_long_commands_tell_how_far_they_are(db, monkeypatch):
    owners_with_due_credits(5)
    monkeypatch.setattr(ledger_command, "LINE_EVERY", 2)
    progress = StringIO()
    call_command("expire_credits", stdout=StringIO(), stderr=progress)
    assert progress.getvalue().splitlines() == ["2 accounts", "4 accounts"]


# verify_ledger


def test_verify_ledger_finds_a_sound_ledger_sound(user):
    fund(user, 10)
    ledger.spend(user, 4, reason="page")
    assert run("verify_ledger") == "The ledger is sound.\n"


@committed
def test_verify_ledger_ends_with_exit_code_1_and_a_line_per_problem(user, database_environment):
    account = fund(user, 10).account
    CreditAccount.objects.filter(pk=account.pk).update(balance=11, sequence=7)
    process = manage(database_environment, "verify_ledger")
    assert_failed_kindly(process, "2 problems found", "restore or correct")
    lines = process.stdout.splitlines()
    assert [line.split(":")[:2] for line in lines] == [
        [f"account {account.pk}", " account-sequence"],
        [f"account {account.pk}", " account-balance"],
    ]
    CreditAccount.objects.filter(pk=account.pk).update(balance=10, sequence=1)


def test_verify_ledger_goes_on_after_an_account(db):
    [broken, sound] = owners(2)
    account = fund(broken, 10).account
    fund(sound, 10)
    CreditAccount.objects.filter(pk=account.pk).update(held=1)
    assert run("verify_ledger", "--after", account.pk) == "The ledger is sound.\n"
    with pytest.raises(CommandError):
        run("verify_ledger", "--after", account.pk - 1)
    CreditAccount.objects.filter(pk=account.pk).update(held=0)


# grant_signup


@pytest.mark.mariadb
def test_grant_signup_gives_everybody_the_grant_once(db, settings):
    settings.QUICKSCALE_CREDITS = SIGNUP
    [early, late] = owners(2)
    ledger.grant_signup(early)
    assert run("grant_signup", "--all") == "1 owners got the signup grant.\n"
    assert run("grant_signup", "--all") == "0 owners got the signup grant.\n"
    assert_balance(early, 25)
    assert_balance(late, 25)


def test_grant_signup_gives_those_that_are_named(db, settings):
    settings.QUICKSCALE_CREDITS = SIGNUP
    [one, two, other] = owners(3)
    assert run("grant_signup", str(one.pk), str(two.pk)) == "2 owners got the signup grant.\n"
    assert [ledger.balance(owner).total for owner in (one, two, other)] == [25, 25, 0]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--all"], 'Set QUICKSCALE_CREDITS["SIGNUP_GRANT"]'),
        ([], "Name owners by primary key, or say --all"),
        (["1", "--all"], "Name owners by primary key, or say --all"),
        (["9" * 30], "There is no auth.User with the primary key 999"),
        (["999999"], "There is no auth.User with the primary key 999999"),
        (["ada"], "'ada' is no primary key of auth.User"),
    ],
)
def test_grant_signup_says_what_it_needs(user, settings, arguments, remedy):
    settings.QUICKSCALE_CREDITS = {} if "SIGNUP_GRANT" in remedy else SIGNUP
    with pytest.raises(CommandError, match=remedy.replace("[", r"\[")):
        run("grant_signup", *arguments)
    assert not LedgerEntry.objects.exists()


def test_grant_signup_gives_nobody_anything_when_one_name_is_wrong(user, settings):
    settings.QUICKSCALE_CREDITS = SIGNUP
    with pytest.raises(CommandError, match="999999"):
        run("grant_signup", str(user.pk), "999999")
    assert_balance(user, 0)


@committed
def test_grant_signup_goes_on_while_others_write(db, settings):
    settings.QUICKSCALE_CREDITS = SIGNUP
    owner, *_ = owners(2001)

    def write_or_stop(entry, **kwargs):
        if entry.reason == "signup" and ledger.balance(owner).total > 25:
            raise KeyboardInterrupt
        if entry.reason == "signup":
            at_once(1, lambda: fund(owner, 7))

    credits_granted.connect(write_or_stop)
    try:
        with pytest.raises(CommandError, match="Stopped"):
            run("grant_signup", "--all")
    finally:
        credits_granted.disconnect(write_or_stop)
    assert LedgerEntry.objects.filter(reason="signup").count() == 2


# What every command does


@pytest.mark.once
@committed
@pytest.mark.parametrize("name", ["rollup_usage", "export_ledger"])
def test_without_a_database_a_command_says_so_without_a_traceback(database_environment, name):
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    assert_failed_kindly(manage(database_environment | nowhere, name), "The database refused", "Is it up")


@pytest.mark.once
@committed
@pytest.mark.parametrize("name", ["rollup_usage", "export_ledger"])
def test_without_tables_a_command_asks_for_migrate(database_environment, tmp_path, name):
    empty = {"DATABASE_URL": f"sqlite://{tmp_path}/empty.sqlite3"}
    assert_failed_kindly(manage(database_environment | empty, name), "no such table", "was `migrate` run?")


@committed
@pytest.mark.parametrize(
    ("arguments", "pause", "advice"),
    [
        (["expire_credits"], ("INSERT", "quickscale_credits_ledgerentry", 2), "run it again to go on"),
        (["grant_signup", "--all"], ("INSERT", "quickscale_credits_ledgerentry", 3), "run it again to go on"),
        (["rollup_usage"], ("UPDATE", "quickscale_credits_rollupprogress", 2), "run it again to go on"),
        (["verify_ledger"], ("SELECT", "quickscale_credits_hold", 3), "run verify_ledger --after"),
        (["export_ledger"], ("SELECT", "quickscale_credits_allocation", 2), "run it again"),
    ],
)
def test_a_command_that_is_interrupted_says_how_to_go_on(db, spawn, arguments, pause, advice):
    owners_with_due_credits(5)
    process = spawn(PAUSING, *pause, *arguments)
    while process.stdout.readline() not in ("paused\n", ""):
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (130, False), errors
    assert advice in errors


@committed
def test_a_command_that_was_interrupted_keeps_what_it_did_and_goes_on(db, spawn):
    owners_with_due_credits(5)
    process = spawn(PAUSING, "INSERT", "quickscale_credits_ledgerentry", 2, "expire_credits")
    assert process.stdout.readline() == "paused\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert LedgerEntry.objects.filter(kind="expiry").count() == 2
    assert run("expire_credits") == "3 expiries booked.\n"
    assert LedgerEntry.objects.filter(kind="expiry").count() == 5
