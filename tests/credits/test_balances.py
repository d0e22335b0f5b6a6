"""Reading what an owner has: right at any instant, without writing."""

from dataclasses import FrozenInstanceError
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount
from quickscale_credits.testing import fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def in_days(days):
    return timezone.now() + timedelta(days=days)


def test_without_an_account_everything_is_zero_and_nothing_is_written(user):
    balance = ledger.balance(user)
    assert (balance.total, balance.held, balance.available) == (0, 0, 0)
    assert balance.by_type == {"subscription": 0, "promotional": 0, "pay_as_you_go": 0}
    assert not CreditAccount.objects.exists()
    with pytest.raises(CreditAccount.DoesNotExist):
        _ = user.credit_account


def test_available_is_the_total_less_what_is_held(user):
    fund(user, 100)
    ledger.hold(user, 30, reason="work")
    balance = ledger.balance(user)
    assert (balance.total, balance.held, balance.available) == (100, 30, 70)


def test_by_type_says_what_is_free_of_each(user):
    fund(user, 10, credit_type="subscription")
    fund(user, 20, credit_type="promotional")
    fund(user, "0.5")
    ledger.hold(user, 4, reason="work")
    ledger.spend(user, 1, reason="report")
    assert ledger.balance(user).by_type == {"subscription": 5, "promotional": 20, "pay_as_you_go": Decimal("0.5")}


def test_a_balance_cannot_be_changed(user):
    with pytest.raises(FrozenInstanceError):
        ledger.balance(user).total = 5


def test_a_balance_is_of_an_owner_or_of_an_account(user):
    fund(user, 10)
    assert ledger.balance(user.credit_account) == ledger.balance(user)


@pytest.mark.parametrize("swept", [False, True])
def test_an_expired_grant_counts_for_nothing_booked_or_not(user, clock, swept):
    fund(user, 10, credit_type="promotional", expires_at=in_days(1))
    fund(user, 5)
    clock.shift(timedelta(days=1))
    assert ledger.expire() == 1 if swept else True
    balance = ledger.balance(user)
    assert (balance.total, balance.available, balance.by_type["promotional"]) == (5, 5, 0)


@pytest.mark.parametrize("swept", [False, True])
def test_an_expired_hold_holds_nothing_booked_or_not(user, clock, swept):
    fund(user, 10)
    ledger.hold(user, 4, reason="work")
    clock.shift(timedelta(minutes=15))
    assert ledger.expire() == 0 if swept else True
    balance = ledger.balance(user)
    assert (balance.total, balance.held, balance.available) == (10, 0, 10)
    assert balance.by_type["pay_as_you_go"] == 10


def test_by_type_is_of_the_moment_of_the_balance(user, clock):
    fund(user, 10, credit_type="promotional", expires_at=in_days(1))
    clock.shift(timedelta(days=2))
    balance = ledger.balance(user)
    assert sum(balance.by_type.values()) == balance.available == 0


def test_a_totals_read_is_one_query_and_types_are_a_second_one(user, django_assert_num_queries):
    fund(user, 10)
    ledger.balance(user)
    with django_assert_num_queries(1):
        balance = ledger.balance(user)
    with django_assert_num_queries(1):
        assert balance.by_type["pay_as_you_go"] == 10
    with django_assert_num_queries(0):
        assert balance.by_type["promotional"] == 0


def test_reading_what_is_due_books_nothing(user, clock):
    fund(user, 10, expires_at=in_days(1))
    clock.shift(timedelta(days=1))
    assert ledger.balance(user).total == 0
    assert user.credit_account.entries.count() == 1


def test_what_expires_soon_is_what_is_free_of_it(user, clock):
    fund(user, 10, expires_at=in_days(3))
    fund(user, 20, expires_at=in_days(10))
    fund(user, 40)
    ledger.spend(user, 4, reason="report")
    assert user.credit_account.expiring() == 6
    assert user.credit_account.expiring(within=timedelta(days=10)) == 26
    clock.shift(timedelta(days=3))
    assert user.credit_account.expiring() == 20


def test_rows_are_read_by_adjectives(user, clock):
    fund(user, 10, expires_at=in_days(1))
    kept = fund(user, 20).grant
    hold = ledger.hold(user, 1, reason="work", expires_in=timedelta(days=5))
    clock.shift(timedelta(days=1))
    assert list(user.credit_account.grants.open()) == [kept]
    assert list(user.credit_account.holds.open()) == [hold]
    assert list(CreditAccount.objects.for_owner(user)) == [user.credit_account]


def test_a_balance_prints_its_figures_alone(user):
    fund(user, 5)
    shown = repr(ledger.balance(user))
    assert shown == "Balance(total=Decimal('5'), held=Decimal('0'), available=Decimal('5'))"
