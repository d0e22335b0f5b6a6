"""SQLite that is locked, full or read-only: a clean error, nothing partial, and it goes on where it can again."""

from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection

from quickscale_credits import ledger
from quickscale_credits.models import Hold, LedgerEntry
from quickscale_credits.testing import assert_balance, assert_ledger_sound, fund

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="says something about SQLite alone"),
    pytest.mark.django_db(transaction=True),
]

LOCKER = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
other.execute("COMMIT")
print("open", flush=True)
"""

SPENDER = """
import resource, sys
from django.contrib.auth import get_user_model
from django.db import OperationalError
from quickscale_credits import ledger

owner = get_user_model().objects.get(pk=sys.argv[1])
room = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
for number in range(10_000):
    try:
        ledger.spend(owner, 1, reason="page", idempotency_key=f"k{number}")
    except OperationalError as error:
        print("refused", error, flush=True)
        break
    print(f"k{number}", flush=True)
"""


@contextmanager
def reopened(name=None, **options):
    """Until the block ends this process uses the file under another name or with other options."""
    before = connection.settings_dict.copy()
    connection.close()
    connection.settings_dict["NAME"] = name or before["NAME"]
    connection.settings_dict["OPTIONS"] = before["OPTIONS"] | options
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


@contextmanager
def full():
    """Not a page more fits into the file."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # what other tests have deleted would be room
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [pages] = cursor.execute("PRAGMA page_count").fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            yield
        finally:
            cursor.execute("PRAGMA max_page_count = 4294967294")


def spend_all(owner, acknowledged):
    for number in range(1000):
        ledger.spend(owner, 1, reason="page", metadata={"text": "x" * 1000})
        acknowledged.append(number)


VERBS = {
    "grant": lambda owner: fund(owner, 1),
    "spend": lambda owner: ledger.spend(owner, 1, reason="page"),
    "hold": lambda owner: ledger.hold(owner, 1, reason="page"),
    "spend_many": lambda owner: ledger.spend_many([ledger.Charge(owner, 1, "page")] * 2),
    "adjust": lambda owner: ledger.adjust(owner, -1, reason="mistake"),
    "revoke": lambda owner: ledger.revoke(owner.credit_account.grants.get(), 1, reason="refund"),
    "expire_grant": lambda owner: ledger.expire_grant(owner.credit_account.grants.get(), 1, reason="ended"),
}
each_verb = pytest.mark.parametrize("verb", VERBS)


@each_verb
def test_what_another_process_locks_for_too_long_is_refused_and_works_afterwards(user, spawn, verb):
    fund(user, 10)
    locker = spawn(LOCKER, connection.settings_dict["NAME"])
    assert locker.stdout.readline() == "locked\n"
    with reopened(timeout=0.2), pytest.raises(OperationalError, match="locked"):
        VERBS[verb](user)
    assert_balance(user, 10)
    locker.communicate("\n")
    VERBS[verb](user)
    assert_ledger_sound()


def test_what_is_locked_for_a_shorter_time_only_waits(user, spawn):
    fund(user, 10)
    locker = spawn(LOCKER, connection.settings_dict["NAME"])
    assert locker.stdout.readline() == "locked\n"
    print("", file=locker.stdin, flush=True)
    ledger.spend(user, 4, reason="page")
    assert_balance(user, 6)


@each_verb
def test_a_file_that_can_only_be_read_refuses_every_verb_and_shows_balances(user, verb):
    fund(user, 10)
    with reopened(f"file:{connection.settings_dict['NAME']}?mode=ro"):
        with pytest.raises(OperationalError, match="readonly database"):
            VERBS[verb](user)
        assert_balance(user, 10)
    VERBS[verb](user)
    assert LedgerEntry.objects.count() + Hold.objects.count() > 1


def test_a_full_file_refuses_the_spend_that_does_not_fit_and_keeps_those_before(user):
    fund(user, 1000)
    acknowledged = []
    with full(), pytest.raises(OperationalError, match="full"):
        spend_all(user, acknowledged)
    assert_balance(user, 1000 - len(acknowledged))
    assert LedgerEntry.objects.filter(kind="spend").count() == len(acknowledged)
    ledger.spend(user, 1, reason="page")
    assert_balance(user, 999 - len(acknowledged))


def test_a_full_file_keeps_nothing_of_a_batch_that_does_not_fit(user):
    fund(user, 1000)
    charges = [ledger.Charge(user, 1, "page", metadata={"text": "x" * 1000})] * 100
    with full(), pytest.raises(OperationalError, match="full"):
        ledger.spend_many(charges)
    assert_balance(user, 1000)
    ledger.spend_many(charges)
    assert_balance(user, 900)


def test_a_full_disk_refuses_the_spend_that_does_not_fit_and_keeps_what_was_acknowledged(user, spawn):
    fund(user, 100_000)
    spender = spawn(SPENDER, user.pk, 1_000_000)
    *acknowledged, refused = spender.communicate(timeout=60)[0].splitlines()
    assert refused.startswith("refused")
    kept = LedgerEntry.objects.filter(kind="spend").values_list("idempotency_key", flat=True)
    assert list(kept.order_by("sequence")) == acknowledged
    assert_balance(user, 100_000 - len(acknowledged))
    assert (
        ledger.spend(user, 1, reason="page", idempotency_key=f"k{len(acknowledged)}").sequence == len(acknowledged) + 2
    )
