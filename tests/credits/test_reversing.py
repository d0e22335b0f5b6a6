"""Giving back what a spend or a revocation took."""

from datetime import timedelta

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import NotReversible
from quickscale_credits.models import CreditGrant, LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

DAY = timedelta(days=1)


def in_days(days):
    return timezone.now() + days * DAY


def left(*grants):
    for grant in grants:
        grant.refresh_from_db()
    return [grant.remaining for grant in grants]


def test_a_spend_that_is_reversed_comes_back_to_the_grants_that_paid(user, clock):
    soon, never = fund(user, 10, expires_at=in_days(9)).grant, fund(user, 10).grant
    spend = ledger.spend(user, 15, reason="report")
    entry = ledger.reverse(spend, reason="refund", reference="ticket-1")
    assert (entry.kind, entry.amount, entry.origin, entry.reference) == ("reversal", 15, spend, "ticket-1")
    assert left(soon, never) == [10, 10]


def test_the_newest_part_comes_back_first(user, clock):
    soon, never = fund(user, 10, expires_at=in_days(9)).grant, fund(user, 10).grant
    spend = ledger.spend(user, 15, reason="report")
    ledger.reverse(spend, 7, reason="refund")
    assert left(soon, never) == [2, 10]
    ledger.reverse(spend, 1, reason="refund")
    assert left(soon, never) == [3, 10]


def test_a_part_that_came_back_in_part_takes_no_more_than_its_rest(user, clock):
    soon, never = fund(user, 10, expires_at=in_days(9)).grant, fund(user, 10).grant
    spend = ledger.spend(user, 15, reason="report")
    ledger.reverse(spend, 2, reason="refund")
    ledger.reverse(spend, 4, reason="refund")
    assert (left(soon, never), CreditGrant.objects.count()) == ([1, 10], 2)


def test_what_is_left_can_be_reversed_and_then_nothing(user):
    fund(user, 10)
    spend = ledger.spend(user, 8, reason="report")
    ledger.reverse(spend, "2.5", reason="refund")
    assert ledger.reverse(spend, reason="refund").amount == 5.5
    with pytest.raises(NotReversible):
        ledger.reverse(spend, reason="refund")
    with pytest.raises(NotReversible):
        ledger.reverse(spend, "0.000001", reason="refund")
    assert_balance(user, 10)


def test_more_than_is_left_cannot_be_reversed(user):
    fund(user, 10)
    spend = ledger.spend(user, 8, reason="report")
    with pytest.raises(NotReversible):
        ledger.reverse(spend, 9, reason="refund")
    assert_balance(user, 2)


def test_a_capture_is_reversed_like_a_spend(user):
    fund(user, 10)
    entry = ledger.capture(ledger.hold(user, 6, reason="work"), 4)
    ledger.reverse(entry, reason="refund")
    assert_balance(user, 10)


def test_what_expired_meanwhile_comes_back_for_a_week(user, clock):
    fund(user, 10, credit_type="subscription", expires_at=in_days(1), priority=7)
    spend = ledger.spend(user, 10, reason="report")
    clock.shift(2 * DAY)
    ledger.reverse(spend, reason="refund")
    grant = CreditGrant.objects.latest("id")
    assert (grant.credit_type, grant.priority, grant.amount) == ("subscription", 7, 10)
    assert grant.expires_at == in_days(7)


def test_the_grace_is_a_setting(user, clock, settings):
    settings.QUICKSCALE_CREDITS = {"REVERSAL_GRACE": timedelta(hours=1)}
    fund(user, 10, expires_at=in_days(1))
    spend = ledger.spend(user, 10, reason="report")
    clock.shift(DAY)
    ledger.reverse(spend, reason="refund")
    clock.shift(timedelta(hours=1))
    assert_balance(user, 0)


def test_nothing_else_can_be_reversed(user, grace):
    granted = fund(user, 10)
    others = [
        granted,
        ledger.reverse(ledger.spend(user, 1, reason="report"), reason="refund"),
        ledger.adjust(user, -1, reason="mistake"),
        *ledger.transfer(user, grace, 1, reason="gift"),
        ledger.expire_grant(granted.grant, reason="ended"),
    ]
    for entry in others:
        with pytest.raises(NotReversible):
            ledger.reverse(entry, reason="refund")
    assert LedgerEntry.objects.count() == 7


def test_a_reversal_pays_debt_first(user):
    first, second = fund(user, 10).grant, fund(user, 10).grant
    spend = ledger.spend(user, 20, reason="report")
    ledger.revoke(first, reason="refund")
    ledger.reverse(spend, 15, reason="refund")
    assert_balance(user, 5)
    assert user.credit_account.entries.get(kind="revocation").amount == -10
    assert sum(left(first, second)) == 5


def test_a_revocation_that_is_reversed_puts_the_credits_back_on_their_grant(user):
    grant = fund(user, 10).grant
    revocation = ledger.revoke(grant, reason="dispute")
    ledger.reverse(revocation, reason="dispute-won")
    assert left(grant) == [10]
    assert ledger.revoke(grant, reason="dispute").amount == -10


def test_a_reversed_revocation_pays_the_debt_that_it_made(user):
    grant = fund(user, 10).grant
    ledger.spend(user, 4, reason="report")
    revocation = ledger.revoke(grant, reason="dispute")
    assert_balance(user, -4)
    ledger.reverse(revocation, reason="dispute-won")
    assert_balance(user, 6)
    ledger.spend(user, 6, reason="report")


def test_credits_come_back_though_their_grant_has_no_room(user):
    grant = fund(user, 10).grant
    spend = ledger.spend(user, 4, reason="report")
    fund(user, 5)
    revocation = ledger.revoke(grant, reason="refund")
    ledger.reverse(spend, reason="refund")
    ledger.reverse(revocation, reason="refund")
    assert_balance(user, 15)
    ledger.spend(user, 15, reason="report")


def test_a_repeated_reversal_gives_back_once(user):
    fund(user, 10)
    spend = ledger.spend(user, 4, reason="report")
    first = ledger.reverse(spend, reason="refund", idempotency_key="refund-1")
    assert ledger.reverse(spend, reason="refund", idempotency_key="refund-1") == first
    assert_balance(user, 10)
