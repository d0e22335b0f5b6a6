"""Giving credits: types, priorities, expiries, and what is given at sign-up."""

from datetime import UTC, datetime, timedelta
from datetime import timezone as fixed_zone

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount, CreditGrant, CreditType, LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

SIGNUP = {"SIGNUP_GRANT": {"amount": "12.5", "expires_in": timedelta(days=30)}}


def test_a_grant_is_an_entry_and_a_grant_row(user):
    entry = ledger.grant(user, 100)
    assert (entry.kind, entry.amount, entry.balance_after, entry.sequence) == ("grant", 100, 100, 1)
    assert (entry.grant.amount, entry.grant.remaining, entry.grant.held) == (100, 100, 0)
    assert entry.grant.entry == entry
    assert entry.reason == "grant"


def test_a_grant_is_by_default_pay_as_you_go_and_never_expires(user):
    grant = ledger.grant(user, 100).grant
    assert grant.credit_type == CreditType.PAY_AS_YOU_GO
    assert grant.expires_at is None
    grant.refresh_from_db()
    assert (grant.priority, grant.expires_at) == (30, None)


@pytest.mark.parametrize(
    ("credit_type", "priority"), [("subscription", 10), ("promotional", 20), ("pay_as_you_go", 30)]
)
def test_each_type_has_its_priority(user, credit_type, priority):
    ledger.grant(user, 1, credit_type=credit_type)
    grant = CreditGrant.objects.get()
    assert (grant.credit_type, grant.priority) == (credit_type, priority)


def test_the_setting_for_priorities_counts_for_new_grants(user, settings):
    settings.QUICKSCALE_CREDITS = {"PRIORITIES": {"promotional": 5}}
    assert ledger.grant(user, 1, credit_type="promotional").grant.priority == 5
    assert ledger.grant(user, 1, credit_type="subscription").grant.priority == 10


def test_a_grant_may_have_a_priority_of_its_own(user):
    own = ledger.grant(user, 10, priority=1).grant
    ledger.grant(user, 10, credit_type="subscription")
    ledger.spend(user, 10, reason="report")
    own.refresh_from_db()
    assert own.remaining == 0


def test_everything_said_about_a_grant_is_kept(user, grace):
    ledger.grant(user, 5, reason="goodwill", reference="ticket-7", metadata={"for": ["late", 2]}, actor=grace)
    entry = LedgerEntry.objects.get()
    assert (entry.reason, entry.reference, entry.actor) == ("goodwill", "ticket-7", str(grace.pk))
    assert entry.metadata == {"for": ["late", 2]}
    assert entry.idempotency_key is None


def test_an_expiry_in_another_time_zone_is_the_same_moment(user, clock):
    in_tokyo = datetime(2026, 1, 16, 9, tzinfo=fixed_zone(timedelta(hours=9)))
    ledger.grant(user, 5, expires_at=in_tokyo)
    assert CreditGrant.objects.get().expires_at == datetime(2026, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(microseconds=1), timedelta(days=400)])
def test_an_expiry_now_or_in_the_past_is_refused(user, clock, ago):
    with pytest.raises(ValueError, match="future"):
        ledger.grant(user, 5, expires_at=timezone.now() - ago)
    assert not CreditAccount.objects.exists()


@pytest.mark.parametrize("expires_at", [datetime(2030, 1, 1), "2030-01-01", 7, timedelta(days=1)], ids=repr)  # noqa: DTZ001
def test_an_expiry_that_is_no_aware_datetime_is_refused(user, expires_at):
    with pytest.raises(ValueError, match="time zone"):
        ledger.grant(user, 5, expires_at=expires_at)
    assert not CreditAccount.objects.exists()


def test_the_last_microsecond_of_a_grant_still_counts(user, clock):
    ledger.grant(user, 5, expires_at=timezone.now() + timedelta(seconds=1))
    clock.shift(timedelta(microseconds=999_999))
    assert_balance(user, 5)
    clock.shift(timedelta(microseconds=1))
    assert_balance(user, 0)


@pytest.mark.parametrize("year", [9997, 9998, 9999])
def test_an_expiry_so_far_that_it_might_read_as_never_is_refused(user, year):
    with pytest.raises(ValueError, match="9997"):
        ledger.grant(user, 5, expires_at=datetime(year, 6, 1, tzinfo=UTC))
    assert not CreditAccount.objects.exists()


def test_an_expiry_in_thousands_of_years_is_kept(user):
    far = datetime(9996, 12, 31, 23, 59, tzinfo=UTC)
    ledger.grant(user, 5, expires_at=far)
    assert CreditGrant.objects.get().expires_at == far


@pytest.mark.parametrize("credit_type", ["gold", "", None, 7, "PROMOTIONAL"])
def test_an_unknown_type_is_refused(user, credit_type):
    with pytest.raises(ValueError, match="credit type"):
        ledger.grant(user, 5, credit_type=credit_type)
    assert not CreditAccount.objects.exists()


@pytest.mark.parametrize("priority", [-1, 32_768, 10**30, 1.5, "1", True])
def test_a_priority_that_does_not_fit_is_refused(user, priority):
    with pytest.raises(ValueError, match="priority"):
        ledger.grant(user, 5, priority=priority)
    assert not CreditAccount.objects.exists()


def test_entries_are_numbered_and_chained_in_each_account(user, grace):
    for owner in (user, grace, user, user):
        fund(owner, 10)
    numbered = user.credit_account.entries.order_by("sequence").values_list("sequence", "balance_after")
    assert list(numbered) == [(1, 10), (2, 20), (3, 30)]
    assert grace.credit_account.entries.get().sequence == 1


def test_without_a_setting_nothing_is_given_at_sign_up(user):
    assert ledger.grant_signup(user) is None
    assert not CreditAccount.objects.exists()


def test_at_sign_up_promotional_credits_are_given_that_expire(user, clock, settings):
    settings.QUICKSCALE_CREDITS = SIGNUP
    grant = ledger.grant_signup(user).grant
    assert (grant.credit_type, str(grant.amount)) == ("promotional", "12.5")
    assert grant.expires_at == timezone.now() + timedelta(days=30)


def test_sign_up_credits_are_given_once_ever(user, clock, settings):
    settings.QUICKSCALE_CREDITS = SIGNUP
    first = ledger.grant_signup(user)
    ledger.spend(user, 12, reason="report")
    clock.shift(timedelta(days=300))
    settings.QUICKSCALE_CREDITS = {"SIGNUP_GRANT": {"amount": 999}}
    assert ledger.grant_signup(user) == first
    assert_balance(user, 0)


def test_sign_up_credits_may_last_for_ever(user, settings):
    settings.QUICKSCALE_CREDITS = {"SIGNUP_GRANT": {"amount": 3}}
    assert ledger.grant_signup(user).grant.expires_at is None
