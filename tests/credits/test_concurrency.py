"""Many workers at once: real threads and processes, on the databases as hosts set them up, well or badly."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone
from psycopg import IsolationLevel

from quickscale_credits import ledger
from quickscale_credits.exceptions import HoldClosed, IdempotencyConflict
from quickscale_credits.models import CreditAccount, Hold, LedgerEntry
from quickscale_credits.testing import assert_balance, fund
from tests.stories.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

# As hosts set their databases up, well or badly; PostgreSQL numbers its levels.
SET_UPS: list[dict[str, Any]] = {
    "sqlite": [{"transaction_mode": mode} for mode in ("IMMEDIATE", "DEFERRED", None)],
    "postgresql": [{"isolation_level": level} for level in IsolationLevel],
    "mysql": [{"isolation_level": level} for level in ("read committed", "serializable")],
}[connection.vendor]
STRICT = SET_UPS[2:] if connection.vendor == "postgresql" else SET_UPS[1:]


SPEND_IN_THREADS = """
    import json, sys
    from collections import Counter
    from quickscale_credits import ledger
    from quickscale_credits.models import CreditAccount
    from tests.stories.threads import at_once

    account = CreditAccount.objects.get(pk=sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    answers = at_once(8, lambda: ledger.spend(account, 3, reason="page"))
    print(json.dumps(Counter(type(answer).__name__ for answer in answers)))
"""


def counted(answers):
    return Counter(type(answer).__name__ for answer in answers)


def again_from(owner):
    """Of an owner whom each thread loads for itself."""
    return lambda: get_user_model().objects.get(pk=owner.pk)


def numbers(account):
    return list(account.entries.order_by("sequence").values_list("sequence", flat=True))


def test_of_32_threads_exactly_as_many_spend_as_the_balance_covers(user):
    fund(user, "10.5")
    answers = at_once(32, lambda: ledger.spend(user, "0.5", reason="page"))
    assert counted(answers) == {"LedgerEntry": 21, "InsufficientCredits": 11}
    assert_balance(user, 0)
    assert numbers(user.credit_account) == list(range(1, 23))


def test_of_32_workers_in_four_processes_exactly_as_many_spend_as_the_balance_covers(user, spawn):
    fund(user, 40)
    workers = [spawn(SPEND_IN_THREADS, user.credit_account.pk) for _ in range(4)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n", worker.stderr.read()
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    answers = sum((Counter(json.loads(worker.communicate(timeout=60)[0])) for worker in workers), Counter())
    assert answers == {"LedgerEntry": 13, "InsufficientCredits": 19}
    assert_balance(user, 1)


def test_spends_that_empty_many_small_grants_at_once_lose_nothing(user):
    for _ in range(30):
        fund(user, "0.7")
    answers = at_once(16, lambda: ledger.spend(user, "1.5", reason="page"))
    assert counted(answers) == {"LedgerEntry": 14, "InsufficientCredits": 2}
    assert_balance(user, 0)


@pytest.mark.parametrize("verb", [ledger.grant, ledger.adjust])
def test_the_first_access_by_20_threads_makes_one_account(user, verb):
    owner = again_from(user)
    answers = at_once(20, lambda: verb(owner(), 1, reason="hello"))
    assert counted(answers) == {"LedgerEntry": 20}
    assert CreditAccount.objects.count() == 1
    assert_balance(user, 20)


def test_sign_up_credits_are_given_once_to_20_threads(user, settings):
    settings.QUICKSCALE_CREDITS = {"SIGNUP_GRANT": {"amount": 5}}
    owner = again_from(user)
    answers = at_once(20, lambda: ledger.grant_signup(owner()))
    assert answers == [LedgerEntry.objects.get()] * 20
    assert_balance(user, 5)


@pytest.mark.parametrize("verb", [ledger.grant, ledger.adjust])
def test_one_key_of_the_first_access_makes_one_entry(user, verb):
    owner = again_from(user)
    answers = at_once(10, lambda: verb(owner(), 7, reason="hello", idempotency_key="first"))
    assert answers == [LedgerEntry.objects.get()] * 10
    assert_balance(user, 7)


def test_one_key_transfers_once_to_somebody_who_had_no_account(user, grace):
    fund(user, 10)
    source, target = again_from(user), again_from(grace)
    answers = at_once(10, lambda: ledger.transfer(source(), target(), 7, reason="gift", idempotency_key="gift-1"))
    assert answers == [answers[0]] * 10
    assert_balance(grace, 7)


@pytest.mark.parametrize("verb", [ledger.grant, ledger.spend, ledger.hold])
def test_one_key_from_ten_threads_has_one_effect_and_ten_equal_answers(user, verb):
    fund(user, 100)
    answers = at_once(10, lambda: verb(user, 7, reason="page", idempotency_key="order-1"))
    assert answers == [answers[0]] * 10
    row = (Hold if verb is ledger.hold else LedgerEntry).objects.get(idempotency_key="order-1")
    assert answers[0] == row


def test_of_two_requests_on_one_key_one_wins(user):
    fund(user, 100)
    amounts = iter([1, 2] * 5)
    answers = at_once(10, lambda: ledger.spend(user, next(amounts), reason="page", idempotency_key="order-1"))
    won = user.credit_account.entries.get(kind="spend")
    assert all(answer == won or isinstance(answer, IdempotencyConflict) for answer in answers)
    assert_balance(user, 100 + won.amount)


def test_holds_of_two_accounts_at_once_never_take_from_each_other(user, grace):
    fund(user, 10)
    fund(grace, 10)
    owners = iter([user, grace] * 12)
    answers = at_once(24, lambda: ledger.hold(next(owners), 1, reason="work"))
    assert counted(answers) == {"Hold": 20, "InsufficientCredits": 4}
    assert [ledger.balance(owner).held for owner in (user, grace)] == [10, 10]


def test_a_hold_that_many_threads_capture_is_captured_once(user):
    fund(user, 10)
    hold = ledger.hold(user, 4, reason="work")
    answers = at_once(10, lambda: ledger.capture(Hold.objects.get(pk=hold.pk)))
    assert answers == [user.credit_account.entries.get(kind="spend")] * 10
    assert_balance(user, 6)


def test_of_captures_and_releases_of_one_hold_one_kind_wins(user):
    fund(user, 10)
    hold = ledger.hold(user, 4, reason="work")
    verbs = iter([ledger.capture, ledger.release] * 6)
    answers = at_once(12, lambda: next(verbs)(Hold.objects.get(pk=hold.pk)))
    hold.refresh_from_db()
    winner = LedgerEntry if hold.status == "captured" else Hold
    assert [isinstance(answer, winner | HoldClosed) for answer in answers] == [True] * 12
    assert_balance(user, 6 if hold.status == "captured" else 10)


def test_a_spend_is_reversed_once_by_ten_threads(user):
    fund(user, 10)
    spend = ledger.spend(user, 4, reason="page")
    answers = at_once(10, lambda: ledger.reverse(spend, reason="refund"))
    assert counted(answers) == {"LedgerEntry": 1, "NotReversible": 9}
    assert_balance(user, 10)


def test_a_grant_is_revoked_once_by_ten_threads(user):
    grant = fund(user, 10).grant
    ledger.spend(user, 4, reason="page")
    answers = at_once(10, lambda: ledger.revoke(grant, reason="refund"))
    assert counted(answers) == {"LedgerEntry": 1, "NoneType": 9}
    assert_balance(user, -4)


def test_many_sweeps_at_once_book_each_expiry_once(user, clock):
    for _ in range(20):
        fund(user, 1, expires_at=timezone.now() + timedelta(days=1))
    clock.shift(timedelta(days=1))
    assert sum(at_once(6, ledger.expire)) == 20
    assert_balance(user, 0)


def test_a_balance_read_beside_a_sweep_is_right_at_each_moment(user, clock):
    """What is due counts as gone before, while and after it is booked."""
    for _ in range(20):
        fund(user, 1, expires_at=timezone.now() + timedelta(minutes=5))
    fund(user, 7)
    ledger.hold(user, 5, reason="work")
    clock.shift(timedelta(minutes=20))
    works = iter([ledger.expire, *[lambda: seen(user)] * 11])
    answers = at_once(12, lambda: next(works)())
    assert {answer for answer in answers if isinstance(answer, tuple)} == {(7, 0, 7, 7)}


def seen(owner):
    balance = ledger.balance(owner)
    return balance.total, balance.held, balance.available, sum(balance.by_type.values())


def test_batches_over_the_same_accounts_in_opposite_order_do_not_lock_each_other_out(user, grace):
    for owner in (user, grace):
        fund(owner, 100)
    orders = iter([[user, grace], [grace, user]] * 8)
    answers = at_once(16, lambda: ledger.spend_many([ledger.Charge(owner, 1, "page") for owner in next(orders)]))
    assert counted(answers) == {"list": 16}
    assert [ledger.balance(owner).total for owner in (user, grace)] == [84, 84]


@pytest.mark.parametrize("options", SET_UPS, ids=str)
def test_however_the_database_is_set_up_what_was_acknowledged_was_spent_once(user, monkeypatch, options):
    """At the stricter levels a worker may be told, after three tries, that it was in the way of another."""
    set_up(monkeypatch, options)
    fund(user, 20)
    answers = at_once(32, lambda: ledger.spend(user, 1, reason="page"))
    spent = counted(answers)["LedgerEntry"]
    assert counted(answers).keys() <= {"LedgerEntry", "InsufficientCredits", "OperationalError"}
    assert spent == 20 or (options in STRICT and spent > 0)
    assert_balance(user, 20 - spent)


@pytest.mark.parametrize("options", SET_UPS, ids=str)
def test_however_the_database_is_set_up_one_account_is_made_and_one_key_has_one_effect(user, monkeypatch, options):
    set_up(monkeypatch, options)
    owner = again_from(user)
    answers = at_once(8, lambda: ledger.grant(owner(), 5, idempotency_key="once"))
    assert counted(answers).keys() <= {"LedgerEntry", "OperationalError"}
    assert LedgerEntry.objects.get() in answers
    assert_balance(user, 5)


@pytest.mark.parametrize("options", SET_UPS, ids=str)
def test_however_the_database_is_set_up_transfers_and_batches_lose_nothing(user, grace, monkeypatch, options):
    set_up(monkeypatch, options)
    for owner in [user, grace] * 6:
        fund(owner, "1.5")
    works = [
        lambda: ledger.transfer(user, grace, 1, reason="gift"),
        lambda: ledger.transfer(grace, user, 1, reason="gift"),
        lambda: ledger.spend_many([ledger.Charge(owner, 1, "page") for owner in (grace, user)]),
    ]
    turns = iter(works * 4)
    answers = at_once(12, lambda: next(turns)())
    assert counted(answers).keys() <= {"tuple", "list", "OperationalError"}
    assert ledger.balance(user).total + ledger.balance(grace).total == 18 - 2 * counted(answers)["list"]


@pytest.mark.parametrize("options", SET_UPS, ids=str)
def test_however_the_database_is_set_up_a_host_that_read_before_it_spends_loses_nothing(user, monkeypatch, options):
    set_up(monkeypatch, options)
    for _ in range(12):
        fund(user, "1.5")

    def read_and_spend():
        with transaction.atomic():
            assert user.credit_account.grants.count() == 12
            return ledger.spend(user, 1, reason="page")

    answers = at_once(8, read_and_spend)
    assert counted(answers).keys() <= {"LedgerEntry", "OperationalError"}
    assert_balance(user, 18 - counted(answers)["LedgerEntry"])


def set_up(monkeypatch, options):
    """For the connections that the threads open."""
    for name, value in options.items():
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], name, value)
