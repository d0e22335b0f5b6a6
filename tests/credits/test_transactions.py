"""Verbs inside the caller's own transaction: they join it, and leave it usable after a refusal."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import (
    CaptureExceedsHold,
    CreditsError,
    HoldClosed,
    IdempotencyConflict,
    InsufficientCredits,
    InvalidAmount,
    NotReversible,
)
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.signals import credits_granted, credits_spent, hold_placed
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


def captured_hold(user):
    hold = ledger.hold(user, 1, reason="work")
    ledger.capture(hold)
    return hold


REFUSALS: list[tuple[type[Exception], Callable]] = [
    (InsufficientCredits, lambda user, entry: ledger.spend(user, 1000, reason="report")),
    (InsufficientCredits, lambda user, entry: ledger.hold(user, 1000, reason="work")),
    (InsufficientCredits, lambda user, entry: ledger.adjust(user, -1000, reason="mistake")),
    (InsufficientCredits, lambda user, entry: ledger.spend_many([ledger.Charge(user, 1000, "report")])),
    (IdempotencyConflict, lambda user, entry: ledger.spend(user, 2, reason="report", idempotency_key="used")),
    (IdempotencyConflict, lambda user, entry: ledger.grant(user, 2, idempotency_key="used")),
    (InvalidAmount, lambda user, entry: ledger.revoke(entry.grant, 1000, reason="refund")),
    (ValueError, lambda user, entry: ledger.grant(user, 1, expires_at=timezone.now() - timedelta(1))),
    (ValueError, lambda user, entry: ledger.transfer(user, user, 1, reason="gift")),
    (NotReversible, lambda user, entry: ledger.reverse(entry, reason="refund")),
    (CaptureExceedsHold, lambda user, entry: ledger.capture(ledger.hold(user, 1, reason="work"), 2)),
    (HoldClosed, lambda user, entry: ledger.release(captured_hold(user))),
]


@pytest.mark.parametrize(("error", "verb"), REFUSALS)
def test_after_a_refusal_the_callers_transaction_goes_on(user, error, verb):
    entry = fund(user, 100)
    ledger.spend(user, 1, reason="report", idempotency_key="used")
    with transaction.atomic():
        with pytest.raises(error):
            verb(user, entry)
        user.first_name = "saved"
        user.save()
        ledger.spend(user, 3, reason="report")
    user.refresh_from_db()
    assert user.first_name == "saved"
    assert user.credit_account.entries.filter(kind="spend", amount=-3).count() == 1


def test_an_order_is_saved_though_credits_were_missing(user):
    with transaction.atomic():
        try:
            ledger.spend(user, 5, reason="report")
        except InsufficientCredits:
            user.last_name = "ordered"
            user.save()
    user.refresh_from_db()
    assert user.last_name == "ordered"
    assert not CreditAccount.objects.exists()


def test_a_rollback_takes_the_credits_with_it(user):
    fund(user, 10)
    with pytest.raises(LookupError), transaction.atomic():
        spend_hold_and_fail(user)
    balance = ledger.balance(user)
    assert (balance.total, balance.held) == (10, 0)
    assert LedgerEntry.objects.count() == 1


def spend_hold_and_fail(user):
    ledger.spend(user, 1, reason="report", idempotency_key="once")
    ledger.hold(user, 2, reason="work")
    ledger.grant(user, 50)
    raise LookupError


def test_a_key_that_was_rolled_back_is_free_again(user):
    fund(user, 10)
    with pytest.raises(LookupError), transaction.atomic():
        spend_hold_and_fail(user)
    ledger.spend(user, 2, reason="report", idempotency_key="once")
    assert_balance(user, 8)


def test_an_account_that_was_rolled_back_is_made_again(user):
    with transaction.atomic():
        ledger.grant(user, 1)
        transaction.set_rollback(True)
    ledger.grant(user, 2)
    assert_balance(user, 2)


def test_a_savepoint_that_is_rolled_back_takes_only_what_was_done_in_it(user):
    fund(user, 10)
    with transaction.atomic():
        ledger.spend(user, 1, reason="report")
        with pytest.raises(LookupError), transaction.atomic():
            spend_hold_and_fail(user)
        ledger.spend(user, 2, reason="report")
    assert list(LedgerEntry.objects.order_by("sequence").values_list("sequence", "amount")) == [
        (1, 10),
        (2, -1),
        (3, -2),
    ]


def test_many_verbs_in_one_transaction_see_each_other(user, grace):
    with transaction.atomic():
        fund(user, 10)
        hold = ledger.hold(user, 4, reason="work")
        ledger.capture(hold, 3)
        ledger.transfer(user, grace, 5, reason="gift")
        assert_balance(user, 2)
    assert_balance(user, 2)
    assert_balance(grace, 5)


def test_a_repeat_in_the_same_transaction_is_recognized(user):
    with transaction.atomic():
        first = ledger.grant(user, 10, idempotency_key="once")
        assert ledger.grant(user, 10, idempotency_key="once") == first
        with pytest.raises(IdempotencyConflict):
            ledger.grant(user, 11, idempotency_key="once")
    assert_balance(user, 10)


def test_what_expired_is_booked_inside_the_callers_transaction(user, clock):
    fund(user, 10, expires_at=timezone.now() + timedelta(days=1))
    clock.shift(timedelta(days=1))
    with transaction.atomic():
        assert ledger.expire() == 1
    assert_balance(user, 0)


@pytest.mark.parametrize("signal", [credits_granted, credits_spent, hold_placed])
def test_a_rolled_back_transaction_announces_nothing(user, hear, signal):
    fund(user, 10)
    heard = hear(signal)
    with pytest.raises(LookupError), transaction.atomic():
        spend_hold_and_fail(user)
    assert heard == []


def test_signals_wait_for_the_callers_commit(user, hear):
    heard = hear(credits_granted)
    with transaction.atomic():
        entry = ledger.grant(user, 10)
        assert heard == []
    assert [each["entry"] for each in heard] == [entry]


def test_spending_is_refused_inside_a_transaction(user):
    fund(user, 10)
    with transaction.atomic(), pytest.raises(RuntimeError, match="commit"), ledger.spending(user, 1, reason="work"):
        pytest.fail("the work began")
    with ledger.spending(user, 1, reason="work"):
        pass
    assert_balance(user, 9)


def test_spending_is_refused_without_autocommit(user):
    fund(user, 10)
    transaction.set_autocommit(False)
    try:
        with pytest.raises(RuntimeError, match="transaction"), ledger.spending(user, 1, reason="work"):
            pytest.fail("the work began")
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    assert_balance(user, 10)


def test_a_total_that_is_too_large_leaves_the_transaction_usable(user):
    for _ in range(9):
        fund(user, 10**12)
    with transaction.atomic():
        with pytest.raises(CreditsError):
            ledger.grant(user, 1)
        ledger.spend(user, 10**12, reason="report")
    assert_balance(user, 8 * 10**12)


def test_a_spend_whose_head_is_known_takes_six_statements_with_begin_and_commit(user):
    fund(user, 10)
    ledger.spend(user, 1, reason="report", idempotency_key="a")
    with CaptureQueriesContext(connection) as spent:
        ledger.spend(user, 1, reason="report", idempotency_key="b")
    said = [query["sql"].split()[0] for query in spent.captured_queries]
    assert said in (
        ["BEGIN", "SELECT", "UPDATE", "INSERT", "UPDATE", "COMMIT"],
        ["SELECT", "UPDATE", "INSERT", "UPDATE", "COMMIT"],  # psycopg says BEGIN itself
    )


def test_inside_a_transaction_a_spend_adds_a_savepoint_and_looks_its_key_up(user):
    fund(user, 10)
    ledger.spend(user, 1, reason="report")
    with transaction.atomic(), CaptureQueriesContext(connection) as spent:
        ledger.spend(user, 1, reason="report", idempotency_key="b")
    said = [query["sql"].split()[0] for query in spent.captured_queries]
    assert said == ["SELECT", "SELECT", "SAVEPOINT", "UPDATE", "INSERT", "UPDATE", "RELEASE"]


def test_a_refused_spend_writes_nothing_at_all(user):
    fund(user, 10)
    with CaptureQueriesContext(connection) as refused, pytest.raises(InsufficientCredits):
        ledger.spend(user, 11, reason="report", idempotency_key="b")
    said = {query["sql"].split()[0] for query in refused.captured_queries}
    assert said <= {"BEGIN", "SELECT", "ROLLBACK"}
