"""Transfers against each other, between threads and between processes: no deadlock, and nothing made or lost."""

import itertools

import pytest
from django.db.models import Sum

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import assert_balance, fund
from tests.credits.crowds import owners
from tests.stories.threads import at_once

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]

EACH = 25
TRANSFERRING = f"""
import sys
from django.contrib.auth import get_user_model
from quickscale_credits import ledger

source, target = (get_user_model().objects.get(pk=pk) for pk in sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
for _ in range({EACH}):
    ledger.transfer(source, target, 1, reason="swap")
"""


def assert_unbroken(owner):
    """Numbered without a gap, each balance following from the one before."""
    entries = list(owner.credit_account.entries.order_by("sequence"))
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.balance_after for entry in entries] == list(itertools.accumulate(entry.amount for entry in entries))


def assert_nets_to_zero():
    moved = LedgerEntry.objects.filter(kind__in=["transfer_in", "transfer_out"])
    assert moved.aggregate(sum=Sum("amount"))["sum"] == 0
    assert all(entry.amount == -entry.origin.amount for entry in moved.filter(kind="transfer_in"))


def test_threads_that_transfer_against_each_other_all_succeed(db):
    ada, bob = owners(2)
    fund(ada, 100)
    fund(bob, 100)
    turns = itertools.cycle([(ada, bob), (bob, ada)])
    answers = at_once(16, lambda: ledger.transfer(*next(turns), 3, reason="swap"))
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert (ada.credit_account.sequence, bob.credit_account.sequence) == (17, 17)
    assert_nets_to_zero()
    for owner in (ada, bob):
        assert_balance(owner, 100)
        assert_unbroken(owner)


def test_transfers_around_a_ring_among_spends_and_grants_leave_every_chain_whole(db):
    ring = owners(4)
    for owner in ring:
        fund(owner, 50)
    work = [
        lambda pair=pair: ledger.transfer(*pair, 2, reason="ring")
        for pair in zip(ring, ring[1:] + ring[:1], strict=True)
    ]
    work += [lambda owner=owner: ledger.spend(owner, 5, reason="page") for owner in ring]
    work += [lambda owner=owner: fund(owner, 7) for owner in ring]
    turns = itertools.cycle(work)
    answers = at_once(24, lambda: next(turns)())
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert_nets_to_zero()
    for owner in ring:
        assert_balance(owner, 54)
        assert_unbroken(owner)


def test_of_more_transfers_than_there_are_credits_only_those_succeed_that_are_covered(db):
    ada, bob = owners(2)
    fund(ada, 10)
    answers = at_once(12, lambda: ledger.transfer(ada, bob, 3, reason="swap"))
    assert sum(isinstance(answer, InsufficientCredits) for answer in answers) == 9
    assert_balance(ada, 1)
    assert_balance(bob, 9)
    assert_nets_to_zero()


def test_processes_that_transfer_against_each_other_all_succeed(db, spawn):
    ada, bob = owners(2)
    fund(ada, 100)
    fund(bob, 100)
    processes = [spawn(TRANSFERRING, source.pk, target.pk) for source, target in [(ada, bob), (bob, ada)] * 2]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        print(file=process.stdin, flush=True)
    assert [process.communicate(timeout=120)[1] for process in processes] == [""] * 4
    assert (ada.credit_account.sequence, bob.credit_account.sequence) == (1 + 4 * EACH, 1 + 4 * EACH)
    assert_nets_to_zero()
    for owner in (ada, bob):
        assert_balance(owner, 100)
        assert_unbroken(owner)
