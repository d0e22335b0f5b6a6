"""Spending: in which order grants pay, and what is refused."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.models import Allocation, CreditAccount, LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]


def in_days(days):
    return timezone.now() + timedelta(days=days)


def left(*grants):
    for grant in grants:
        grant.refresh_from_db()
    return [grant.remaining for grant in grants]


def test_a_spend_is_an_entry_below_zero(user):
    fund(user, 100)
    entry = ledger.spend(user, "2.5", reason="report", reference="run-1", metadata={"pages": 3})
    assert (entry.kind, str(entry.amount), str(entry.balance_after)) == ("spend", "-2.5", "97.5")
    stored = LedgerEntry.objects.get(kind="spend")
    assert (stored.reason, stored.reference, stored.metadata) == ("report", "run-1", {"pages": 3})
    assert stored.amount == Decimal("-2.5")


def test_spending_follows_priority_before_expiry(user, clock):
    soon = fund(user, 10, expires_at=in_days(1)).grant
    subscription = fund(user, 10, credit_type="subscription").grant
    promotional = fund(user, 10, credit_type="promotional", expires_at=in_days(9)).grant
    ledger.spend(user, 15, reason="report")
    assert left(subscription, promotional, soon) == [0, 5, 10]


def test_spending_takes_the_soonest_expiring_grant_first(user, clock):
    never = fund(user, 10).grant
    late = fund(user, 10, expires_at=in_days(20)).grant
    soon = fund(user, 10, expires_at=in_days(10)).grant
    ledger.spend(user, 15, reason="report")
    assert left(soon, late, never) == [0, 5, 10]


def test_of_grants_alike_the_oldest_pays_first(user, clock):
    first, second = fund(user, 10).grant, fund(user, 10).grant
    ledger.spend(user, 4, reason="report")
    assert left(first, second) == [6, 10]


def test_a_grant_that_comes_later_and_expires_sooner_pays_next(user, clock):
    never = fund(user, 10).grant
    ledger.spend(user, 1, reason="report")
    soon = fund(user, 10, expires_at=in_days(1)).grant
    ledger.spend(user, 1, reason="report")
    assert left(soon, never) == [9, 9]


def test_an_expired_grant_pays_nothing_even_before_it_is_booked(user, clock):
    gone = fund(user, 10, credit_type="subscription", expires_at=in_days(1)).grant
    fund(user, 10)
    clock.shift(timedelta(days=1))
    ledger.spend(user, 10, reason="report")
    assert left(gone) == [0]
    assert_balance(user, 0)
    assert list(user.credit_account.entries.values_list("kind", flat=True)) == ["grant", "grant", "expiry", "spend"]


def test_several_grants_that_pay_are_allocated_in_order(user):
    grants = [fund(user, 10).grant for _ in range(3)]
    entry = ledger.spend(user, 25, reason="report")
    paid = Allocation.objects.filter(entry=entry).order_by("id").values_list("grant", "amount")
    assert list(paid) == [(grants[0].pk, 10), (grants[1].pk, 10), (grants[2].pk, 5)]
    assert entry.grant is None


def test_one_grant_that_pays_needs_no_allocation(user):
    grant = fund(user, 10).grant
    entry = ledger.spend(user, 10, reason="report")
    assert entry.grant_id == grant.pk
    assert not Allocation.objects.exists()


def test_a_spend_over_fifty_small_grants_takes_them_all(user):
    for _ in range(50):
        fund(user, "0.1")
    entry = ledger.spend(user, "4.95", reason="report")
    assert entry.allocations.count() == 50
    assert [grant.remaining for grant in user.credit_account.grants.open()] == [Decimal("0.05")]
    assert_balance(user, "0.05")


def test_exactly_what_is_there_may_be_spent(user):
    fund(user, 10)
    ledger.spend(user, 10, reason="report")
    assert_balance(user, 0)
    assert not user.credit_account.grants.open().exists()


def test_too_few_credits_are_refused_with_what_is_missing(user):
    fund(user, 10)
    with pytest.raises(InsufficientCredits, match=r"2\.5 are missing") as refusal:
        ledger.spend(user, "12.5", reason="report")
    error = refusal.value
    assert (str(error.required), str(error.available), str(error.shortfall)) == ("12.5", "10", "2.5")
    assert user.credit_account.entries.count() == 1


def test_an_owner_without_an_account_has_nothing_to_spend_and_gets_none(user):
    with pytest.raises(InsufficientCredits) as refusal:
        ledger.spend(user, 1, reason="report")
    assert refusal.value.available == 0
    assert not CreditAccount.objects.exists()


def test_a_refused_spend_does_not_book_what_is_due(user, clock):
    fund(user, 10, expires_at=in_days(1))
    clock.shift(timedelta(days=1))
    with pytest.raises(InsufficientCredits):
        ledger.spend(user, 1, reason="report")
    assert user.credit_account.entries.count() == 1


def test_a_reason_is_required(user):
    fund(user, 10)
    with pytest.raises(TypeError):
        ledger.spend(user, 1)
    assert_balance(user, 10)


def test_the_actor_is_kept_by_key_alone(user, grace):
    fund(user, 10)
    ledger.spend(user, 1, reason="report", actor=grace)
    assert LedgerEntry.objects.get(kind="spend").actor == str(grace.pk)


REFUSED = {
    "spend": lambda owner: ledger.spend(owner, 5, reason="report"),
    "hold": lambda owner: ledger.hold(owner, 5, reason="report"),
    "adjust": lambda owner: ledger.adjust(owner, -5, reason="report"),
    "spend_many": lambda owner: ledger.spend_many([ledger.Charge(owner, 5, "report")]),
}


@pytest.mark.parametrize("verb", REFUSED)
def test_whoever_never_had_credits_is_told_how_many_are_missing(user, verb):
    with pytest.raises(InsufficientCredits) as refused:
        REFUSED[verb](user)
    told = refused.value
    assert (told.required, told.available, told.shortfall) == (5, 0, 5)
