"""Expiry: what is left expires, once; what was spent stays spent."""

from datetime import timedelta

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits, InvalidAmount
from quickscale_credits.models import CreditGrant
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

DAY = timedelta(days=1)


def expiring(owner, amount, *, days=1, **grant):
    return fund(owner, amount, expires_at=timezone.now() + days * DAY, **grant).grant


def kinds(owner):
    return list(owner.credit_account.entries.order_by("sequence").values_list("kind", "amount"))


def test_what_was_spent_of_an_expired_grant_stays_spent(user, clock):
    expiring(user, 100)
    ledger.spend(user, 100, reason="report")
    clock.shift(DAY)
    ledger.grant(user, 50)
    assert_balance(user, 50)
    assert ledger.expire() == 0


def test_only_what_is_left_expires(user, clock):
    expiring(user, 100)
    ledger.spend(user, 30, reason="report")
    clock.shift(DAY)
    assert ledger.expire() == 1
    assert kinds(user) == [("grant", 100), ("spend", -30), ("expiry", -70)]
    assert_balance(user, 0)


def test_expiring_twice_books_once(user, clock):
    expiring(user, 100)
    clock.shift(DAY)
    assert [ledger.expire(), ledger.expire()] == [1, 0]
    assert kinds(user) == [("grant", 100), ("expiry", -100)]


def test_every_grant_that_expires_has_its_entry(user, grace, clock):
    first, second = expiring(user, 10), expiring(user, 20, days=2)
    expiring(grace, 40)
    fund(user, 80)
    clock.shift(2 * DAY)
    assert ledger.expire() == 3
    expired = user.credit_account.entries.filter(kind="expiry").order_by("sequence")
    assert list(expired.values_list("grant", "amount")) == [(first.pk, -10), (second.pk, -20)]


def test_what_is_not_due_stays(user, clock):
    expiring(user, 10)
    clock.shift(DAY - timedelta(microseconds=1))
    assert ledger.expire() == 0
    assert_balance(user, 10)


def test_a_time_in_the_past_says_up_to_when(user, clock):
    expiring(user, 10, days=1)
    expiring(user, 20, days=3)
    clock.shift(5 * DAY)
    assert ledger.expire(now=timezone.now() - 3 * DAY) == 1
    assert ledger.expire() == 1
    assert_balance(user, 0)


def test_a_grant_that_expired_says_so(user, clock):
    grant = expiring(user, 10)
    clock.shift(DAY)
    ledger.expire()
    grant.refresh_from_db()
    assert (grant.state, grant.remaining, grant.amount) == (CreditGrant.State.EXPIRED, 0, 10)


def test_each_write_books_what_is_due_first(user, clock):
    expiring(user, 10)
    clock.shift(DAY)
    entry = ledger.grant(user, 5)
    assert kinds(user) == [("grant", 10), ("expiry", -10), ("grant", 5)]
    assert (entry.sequence, entry.balance_after) == (3, 5)


def test_a_hundred_due_grants_of_one_account_expire_together(user, clock):
    for days in range(1, 101):
        expiring(user, 1, days=days)
    clock.shift(60 * DAY)
    assert_balance(user, 40)
    assert ledger.expire() == 60
    ledger.spend(user, 40, reason="report")
    assert_balance(user, 0)


def test_a_clock_that_steps_back_brings_nothing_back(user, clock):
    expiring(user, 10)
    clock.shift(DAY)
    ledger.expire()
    clock.shift(-2 * DAY)
    assert_balance(user, 0)
    with pytest.raises(InsufficientCredits):
        ledger.spend(user, 1, reason="report")


def test_a_grant_can_be_ended_before_its_time(user, clock):
    grant = expiring(user, 10)
    ledger.spend(user, 3, reason="report")
    entry = ledger.expire_grant(grant, reason="plan-changed")
    assert (entry.kind, entry.amount, entry.reason, entry.grant_id) == ("expiry", -7, "plan-changed", grant.pk)
    assert_balance(user, 0)


def test_a_part_of_a_grant_can_be_ended(user):
    grant = fund(user, 10).grant
    assert ledger.expire_grant(grant, "2.5", reason="rollover-cap").amount == -2.5
    assert_balance(user, "7.5")
    ledger.spend(user, "7.5", reason="report")


def test_what_is_held_is_not_ended(user, clock):
    grant = fund(user, 10).grant
    hold = ledger.hold(user, 4, reason="work")
    assert ledger.expire_grant(grant, reason="plan-changed").amount == -6
    assert ledger.balance(user).held == 4
    assert ledger.capture(hold).amount == -4


def test_what_was_held_of_an_ended_grant_comes_back(user, clock):
    grant = expiring(user, 10)
    hold = ledger.hold(user, 4, reason="work")
    ledger.expire_grant(grant, reason="plan-changed")
    ledger.release(hold)
    assert ledger.balance(user).available == 4
    clock.shift(DAY)
    assert_balance(user, 0)


def test_where_nothing_is_free_nothing_is_ended(user):
    grant = fund(user, 10).grant
    ledger.spend(user, 10, reason="report")
    assert ledger.expire_grant(grant, reason="plan-changed") is None
    assert user.credit_account.entries.count() == 2


def test_more_than_is_free_cannot_be_ended(user):
    grant = fund(user, 10).grant
    ledger.spend(user, 4, reason="report")
    with pytest.raises(InvalidAmount):
        ledger.expire_grant(grant, 7, reason="plan-changed")
    assert_balance(user, 6)


def test_a_grant_that_has_expired_has_nothing_to_end(user, clock):
    grant = expiring(user, 10)
    clock.shift(DAY)
    assert ledger.expire_grant(grant, reason="plan-changed") is None
    assert_balance(user, 0)
