"""Spending limits of everybody and of members, in calendar periods."""

from datetime import UTC, datetime, timedelta

import pytest

from quickscale_credits import ledger
from quickscale_credits.exceptions import SpendingLimitExceeded
from quickscale_credits.models import SpendingLimit
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

# 15 January 2026 is a Thursday.
NEXT = {
    "day": datetime(2026, 1, 16, tzinfo=UTC),
    "week": datetime(2026, 1, 19, tzinfo=UTC),
    "month": datetime(2026, 2, 1, tzinfo=UTC),
}


def limit(owner, amount, *, member=None, period="total"):
    return SpendingLimit.objects.create(account=owner.credit_account, amount=amount, member=member, period=period)


@pytest.fixture(autouse=True)
def funded(user, clock):
    fund(user, 100)


def test_a_limit_is_reached_but_not_passed(user):
    most = limit(user, 10)
    ledger.spend(user, 7, reason="report")
    with pytest.raises(SpendingLimitExceeded) as refusal:
        ledger.spend(user, 4, reason="report")
    assert (refusal.value.limit, refusal.value.spent, refusal.value.required) == (most, 7, 4)
    ledger.spend(user, 3, reason="report")
    assert_balance(user, 90)


@pytest.mark.parametrize("period", NEXT)
def test_a_new_period_begins_at_midnight_utc(user, clock, period):
    limit(user, 10, period=period)
    ledger.spend(user, 10, reason="report")
    clock.move_to(NEXT[period] - timedelta(microseconds=1))
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, 1, reason="report")
    clock.move_to(NEXT[period])
    ledger.spend(user, 10, reason="report")
    assert_balance(user, 80)


def test_a_limit_in_all_never_begins_anew(user, clock):
    limit(user, 10)
    ledger.spend(user, 10, reason="report")
    clock.shift(timedelta(days=4000))
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, 1, reason="report")


def test_a_members_limit_counts_what_that_member_spends(user, grace):
    limit(user, 10, member=grace)
    ledger.spend(user, 50, reason="report", actor=user)
    ledger.spend(user, 10, reason="report", actor=grace)
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, 1, reason="report", actor=grace)
    ledger.spend(user, 1, reason="report")
    assert_balance(user, 39)


def test_everybodys_limit_counts_what_members_spend(user, grace):
    limit(user, 10)
    ledger.spend(user, 6, reason="report", actor=grace)
    ledger.spend(user, 4, reason="report", actor=user)
    for actor in (None, user, grace):
        with pytest.raises(SpendingLimitExceeded):
            ledger.spend(user, 1, reason="report", actor=actor)


def test_open_holds_count_and_released_ones_do_not(user):
    limit(user, 10)
    hold = ledger.hold(user, 6, reason="work")
    with pytest.raises(SpendingLimitExceeded):
        ledger.hold(user, 5, reason="work")
    ledger.release(hold)
    ledger.hold(user, 10, reason="work")
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, 1, reason="report")


def test_a_hold_that_has_expired_does_not_count(user, clock):
    limit(user, 10)
    ledger.hold(user, 10, reason="work")
    clock.shift(timedelta(minutes=15))
    ledger.spend(user, 10, reason="report")
    assert_balance(user, 90)


def test_a_hold_within_the_limit_can_be_captured(user, grace):
    limit(user, 10, member=grace)
    ledger.capture(ledger.hold(user, 10, reason="work", actor=grace))
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, 1, reason="report", actor=grace)


def test_a_hold_captured_on_the_next_day_counts_there(user, clock):
    limit(user, 10, period="day")
    hold = ledger.hold(user, 10, reason="work", expires_in=timedelta(days=2))
    clock.shift(timedelta(days=1))
    ledger.capture(hold)
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, 1, reason="report")


def test_what_was_reversed_does_not_count(user):
    limit(user, 10)
    spend = ledger.spend(user, 10, reason="report")
    ledger.reverse(spend, 4, reason="refund")
    ledger.spend(user, 4, reason="report")
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, 1, reason="report")


def test_a_frozen_grant_is_not_spent(user):
    limit(user, 10)
    grant = fund(user, 50).grant
    ledger.freeze(grant, reason="dispute")
    ledger.spend(user, 10, reason="report")
    assert ledger.balance(user).available == 90


def test_a_replay_wins_over_a_limit(user):
    limit(user, 10)
    first = ledger.spend(user, 10, reason="report", idempotency_key="once")
    assert ledger.spend(user, 10, reason="report", idempotency_key="once") == first
    assert_balance(user, 90)


def test_a_batch_counts_together(user, grace):
    limit(user, 10)
    charges = [ledger.Charge(user, 6, "a"), ledger.Charge(user, 5, "b")]
    with pytest.raises(SpendingLimitExceeded) as refusal:
        ledger.spend_many(charges)
    assert refusal.value.spent == 6
    assert_balance(user, 100)


def test_corrections_and_transfers_are_not_limited(user, grace):
    limit(user, 1)
    ledger.adjust(user, -10, reason="mistake")
    ledger.transfer(user, grace, 10, reason="gift")
    assert_balance(user, 80)


def test_a_limit_of_nothing_stops_everything(user):
    limit(user, 0)
    with pytest.raises(SpendingLimitExceeded):
        ledger.spend(user, "0.000001", reason="report")


def test_a_limit_above_a_trillion_is_a_limit_like_any_other(user):
    limit(user, 5 * 10**12)
    ledger.spend(user, 1, reason="report")
    assert_balance(user, 99)
