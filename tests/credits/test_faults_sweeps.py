"""Expiry sweeps that are killed, run twice or meet spends: each grant expires once, and nothing is left behind."""

from collections import Counter

import pytest

from quickscale_credits import ledger
from quickscale_credits.models import CreditGrant, LedgerEntry
from quickscale_credits.testing import assert_balance
from tests.credits.commands import PAUSING, run
from tests.credits.crowds import owners_with_due_credits
from tests.stories.threads import at_once

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

SWEEP = """
import sys
from django.core.management import call_command
print("ready", flush=True)
sys.stdin.readline()
call_command("expire_credits")
"""


def assert_each_expired_once(people):
    expiries = Counter(LedgerEntry.objects.filter(kind="expiry").values_list("grant_id", flat=True))
    assert expiries == Counter(CreditGrant.objects.filter(amount=10).values_list("pk", flat=True))
    for owner in people:
        assert_balance(owner, 5)


@pytest.mark.parametrize(
    ("verb", "table"),
    [
        ("INSERT", "quickscale_credits_ledgerentry"),
        ("UPDATE", "quickscale_credits_creditgrant"),
        ("UPDATE", "quickscale_credits_creditaccount"),
    ],
)
def test_a_sweep_that_was_killed_in_the_middle_is_finished_by_the_next(db, spawn, verb, table):
    people = owners_with_due_credits(6)
    sweep = spawn(PAUSING, verb, table, 2, "expire_credits")
    assert sweep.stdout.readline() == "paused\n"
    sweep.kill()
    sweep.wait()
    assert LedgerEntry.objects.filter(kind="expiry").count() == 2
    assert run("expire_credits") == "4 expiries booked.\n"
    assert_each_expired_once(people)


def test_two_sweeps_at_once_share_the_work(db, spawn):
    people = owners_with_due_credits(30)
    sweeps = [spawn(SWEEP) for _ in range(2)]
    for sweep in sweeps:
        assert sweep.stdout.readline() == "ready\n"
    for sweep in sweeps:
        print(file=sweep.stdin, flush=True)
    booked = [int(sweep.communicate(timeout=60)[0].split()[0]) for sweep in sweeps]
    assert sum(booked) == 30
    assert_each_expired_once(people)


def test_four_sweeps_in_threads_expire_each_grant_once(db):
    people = owners_with_due_credits(12)
    booked = at_once(4, ledger.expire)
    assert sum(booked) == 12
    assert_each_expired_once(people)


def test_what_is_spent_while_a_sweep_runs_comes_from_what_has_not_expired(db):
    people = owners_with_due_credits(8)
    work = iter([ledger.expire] + [lambda owner=owner: ledger.spend(owner, 4, reason="page") for owner in people])
    answers = at_once(9, lambda: next(work)())
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert LedgerEntry.objects.filter(kind="expiry").count() == 8
    assert [ledger.balance(owner).total for owner in people] == [1] * 8
