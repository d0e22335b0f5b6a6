"""Taking back grants, with debt; freezing them while they are disputed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import HoldClosed, InsufficientCredits, InvalidAmount
from quickscale_credits.models import CreditGrant
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

DAY = timedelta(days=1)


def spent_grant(owner, amount, spent):
    grant = fund(owner, amount).grant
    ledger.spend(owner, spent, reason="report")
    return grant


def standing(owner):
    balance = ledger.balance(owner)
    return balance.total, balance.held, balance.available


def debt(owner):
    owner.credit_account.refresh_from_db()
    return owner.credit_account.debt


def test_what_is_free_is_taken_back(user):
    grant = fund(user, 100).grant
    entry = ledger.revoke(grant, 30, reason="refund")
    assert (entry.kind, entry.amount, entry.grant_id) == ("revocation", -30, grant.pk)
    assert_balance(user, 70)


def test_what_was_spent_becomes_debt_that_the_next_grant_pays(user):
    grant = spent_grant(user, 100, 40)
    ledger.revoke(grant, reason="refund")
    assert_balance(user, -40)
    assert debt(user) == 40
    entry = ledger.grant(user, 100)
    assert (entry.amount, entry.balance_after) == (100, 60)
    assert debt(user) == 0


def test_without_debt_what_was_spent_is_left_alone(user):
    grant = spent_grant(user, 100, 40)
    assert ledger.revoke(grant, reason="refund", allow_debt=False).amount == -60
    assert_balance(user, 0)
    assert ledger.revoke(grant, reason="refund", allow_debt=False) is None


def test_where_nothing_can_be_taken_nothing_is_booked(user):
    grant = spent_grant(user, 10, 10)
    assert ledger.revoke(grant, 5, reason="refund", allow_debt=False) is None
    assert user.credit_account.entries.count() == 2


def test_other_credits_pay_the_debt_at_once(user, clock):
    grant = spent_grant(user, 100, 40)
    later = fund(user, 50).grant
    soon = fund(user, 5, expires_at=timezone.now() + DAY).grant
    ledger.revoke(grant, reason="refund")
    assert (debt(user), standing(user)) == (0, (15, 0, 15))
    assert [CreditGrant.objects.get(pk=each.pk).remaining for each in (soon, later)] == [0, 15]


def test_more_than_was_not_yet_revoked_is_refused(user):
    grant = fund(user, 100).grant
    ledger.revoke(grant, 60, reason="refund")
    with pytest.raises(InvalidAmount):
        ledger.revoke(grant, 41, reason="refund")
    ledger.revoke(grant, 40, reason="refund")
    assert ledger.revoke(grant, reason="refund") is None
    assert_balance(user, 0)


def test_what_expired_is_gone_not_spent(user, clock):
    grant = fund(user, 100, expires_at=timezone.now() + DAY).grant
    ledger.spend(user, 40, reason="report")
    clock.shift(DAY)
    assert ledger.revoke(grant, reason="refund").amount == -40
    assert_balance(user, -40)


def test_spending_never_goes_below_zero_nor_does_debt_help(user):
    ledger.revoke(spent_grant(user, 10, 10), reason="refund")
    with pytest.raises(InsufficientCredits) as refusal:
        ledger.spend(user, 1, reason="report")
    assert refusal.value.available == -10
    assert_balance(user, -10)


def test_an_open_hold_can_still_be_captured_in_full(user):
    grant = fund(user, 100).grant
    hold = ledger.hold(user, 30, reason="work")
    assert ledger.revoke(grant, reason="refund").amount == -100
    assert standing(user) == (0, 30, -30)
    ledger.capture(hold)
    assert standing(user) == (-30, 0, -30)


def test_what_a_hold_gives_back_pays_debt_first(user):
    grant = fund(user, 100).grant
    hold = ledger.hold(user, 30, reason="work")
    ledger.revoke(grant, reason="refund")
    ledger.capture(hold, 10)
    assert (debt(user), standing(user)) == (10, (-10, 0, -10))


def test_an_expired_hold_pays_debt_before_it_is_booked(user, clock):
    grant = fund(user, 100).grant
    ledger.hold(user, 30, reason="work")
    ledger.revoke(grant, reason="refund")
    clock.shift(timedelta(minutes=15))
    assert standing(user) == (0, 0, 0)
    ledger.expire()
    assert debt(user) == 0


def test_expiry_wins_over_debt(user, clock):
    revoked = spent_grant(user, 10, 10)
    fund(user, 10, expires_at=timezone.now() + DAY)
    hold = ledger.hold(user, 10, reason="work", expires_in=2 * DAY)
    ledger.revoke(revoked, reason="refund")
    clock.shift(DAY)
    ledger.release(hold)
    assert (debt(user), standing(user)) == (10, (-10, 0, -10))


def test_a_grant_that_pays_debt_and_is_revoked_counts_as_spent(user):
    ledger.revoke(spent_grant(user, 15, 15), reason="refund")
    second = fund(user, 100).grant
    assert_balance(user, 85)
    ledger.revoke(second, reason="refund")
    assert_balance(user, -15)


def test_a_repeated_revocation_takes_once(user):
    grant = fund(user, 100).grant
    first = ledger.revoke(grant, 30, reason="refund", idempotency_key="refund-1")
    assert ledger.revoke(grant, 30, reason="refund", idempotency_key="refund-1") == first
    assert_balance(user, 70)


def test_a_frozen_grant_is_neither_spent_nor_expires(user, clock):
    grant = fund(user, 10, expires_at=timezone.now() + DAY).grant
    fund(user, 5)
    freeze = ledger.freeze(grant, reason="dispute", reference="dp_1")
    assert (freeze.amount, freeze.expires_at, freeze.is_freeze) == (10, None, True)
    assert standing(user) == (15, 10, 5)
    clock.shift(400 * DAY)
    assert ledger.expire() == 0
    assert standing(user) == (15, 10, 5)


def test_what_is_thawed_after_its_date_expires(user, clock):
    grant = fund(user, 10, expires_at=timezone.now() + DAY).grant
    freeze = ledger.freeze(grant, reason="dispute")
    clock.shift(2 * DAY)
    assert ledger.release(freeze).status == "released"
    assert standing(user) == (0, 0, 0)
    assert user.credit_account.entries.get(kind="expiry").amount == -10


def test_only_what_is_free_is_frozen(user):
    grant = fund(user, 10).grant
    hold = ledger.hold(user, 3, reason="work")
    ledger.spend(user, 2, reason="report")
    assert ledger.freeze(grant, reason="dispute").amount == 5
    ledger.capture(hold)
    assert standing(user) == (5, 5, 0)


def test_frozen_credits_are_revoked_first(user):
    grant = fund(user, 10).grant
    freeze = ledger.freeze(grant, reason="dispute")
    assert ledger.revoke(grant, 4, reason="dispute-lost").amount == -4
    assert standing(user) == (6, 6, 0)
    ledger.release(freeze)
    assert standing(user) == (6, 0, 6)


def test_a_frozen_grant_that_was_spent_in_part_is_revoked_with_debt(user):
    grant = spent_grant(user, 10, 4)
    freeze = ledger.freeze(grant, reason="dispute")
    ledger.revoke(grant, reason="dispute-lost")
    assert standing(user) == (-4, 0, -4)
    assert ledger.release(freeze).status == "released"


def test_a_second_freeze_is_revoked_though_the_first_found_nothing(user):
    grant = fund(user, 10).grant
    spend = ledger.spend(user, 10, reason="report")
    ledger.freeze(grant, reason="dispute")
    ledger.reverse(spend, reason="refund")
    ledger.freeze(grant, reason="dispute")
    ledger.revoke(grant, reason="dispute-lost")
    assert standing(user) == (0, 0, 0)


def test_a_frozen_grant_cannot_be_captured(user):
    freeze = ledger.freeze(fund(user, 10).grant, reason="dispute")
    with pytest.raises(ValueError, match="frozen"):
        ledger.capture(freeze)
    ledger.release(freeze)
    with pytest.raises(HoldClosed):
        ledger.capture(freeze)


@pytest.mark.parametrize("frozen", [50, 40])
def test_of_a_grant_of_which_a_part_is_frozen_and_a_part_is_free_both_are_taken(user, frozen):
    grant = fund(user, 100).grant
    held = ledger.hold(user, 100 - frozen, reason="work")
    ledger.freeze(grant, reason="dispute")
    ledger.release(held)
    entry = ledger.revoke(grant, 100, reason="refund")
    assert (entry.amount, entry.grant_id) == (-100, grant.pk)
    assert standing(user) == (0, 0, 0)
    assert ledger.verify().ok


def test_a_freeze_of_which_a_part_was_taken_is_sealed_anew(user):
    grant = fund(user, 100).grant
    ledger.freeze(grant, reason="dispute")
    ledger.revoke(grant, 30, reason="refund")
    assert standing(user) == (70, 70, 0)
    assert ledger.verify().ok
