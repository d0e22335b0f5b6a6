"""Adjusting, transferring and spending in batches."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import IdempotencyConflict, InsufficientCredits, InvalidAmount
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

DAY = timedelta(days=1)


def kinds(owner):
    return list(owner.credit_account.entries.order_by("sequence").values_list("kind", "amount"))


def grants(owner):
    return list(owner.credit_account.grants.order_by("id").values_list("credit_type", "priority", "remaining"))


def test_a_correction_upwards_is_a_grant_that_does_not_expire(user, grace):
    entry = ledger.adjust(user, "2.5", reason="goodwill", actor=grace)
    assert (entry.kind, entry.amount, entry.actor) == ("adjustment", Decimal("2.5"), str(grace.pk))
    assert grants(user) == [("promotional", 20, Decimal("2.5"))]
    assert entry.grant.expires_at is None


def test_a_correction_may_be_of_another_type(user):
    ledger.adjust(user, 3, reason="goodwill", credit_type="subscription")
    assert grants(user) == [("subscription", 10, 3)]


def test_a_correction_downwards_takes_in_spending_order(user):
    fund(user, 10)
    fund(user, 5, credit_type="subscription")
    entry = ledger.adjust(user, -7, reason="mistake")
    assert (entry.kind, entry.amount) == ("adjustment", -7)
    assert [remaining for *_, remaining in grants(user)] == [8, 0]


def test_a_correction_never_goes_below_zero(user):
    fund(user, 5)
    with pytest.raises(InsufficientCredits):
        ledger.adjust(user, -6, reason="mistake")
    assert kinds(user) == [("grant", 5)]


def test_a_correction_upwards_pays_debt_first(user):
    grant = fund(user, 10).grant
    ledger.spend(user, 10, reason="report")
    ledger.revoke(grant, reason="refund")
    ledger.adjust(user, 4, reason="goodwill")
    assert_balance(user, -6)


@pytest.mark.parametrize("amount", [0, "0.0", "-0", Decimal("1E-7"), 10**12 + 1, -(10**12) - 1])
def test_a_correction_of_nothing_or_too_much_is_refused(user, amount):
    with pytest.raises(InvalidAmount):
        ledger.adjust(user, amount, reason="mistake")
    assert not CreditAccount.objects.exists()


def test_a_correction_of_the_other_sign_is_another_request(user):
    ledger.adjust(user, 5, reason="goodwill", idempotency_key="once")
    with pytest.raises(IdempotencyConflict):
        ledger.adjust(user, -5, reason="goodwill", idempotency_key="once")
    assert_balance(user, 5)


def test_a_transfer_keeps_type_priority_and_expiry_grant_by_grant(user, grace, clock):
    soon = timezone.now() + DAY
    fund(user, 10, credit_type="subscription", expires_at=soon)
    fund(user, 10, priority=77)
    out, into = ledger.transfer(user, grace, 15, reason="gift")
    assert (out.kind, out.amount, into.kind, into.amount) == ("transfer_out", -15, "transfer_in", 15)
    arrived = grace.credit_account.grants.order_by("id").values_list("credit_type", "priority", "expires_at", "amount")
    assert list(arrived) == [("subscription", 10, soon, 10), ("pay_as_you_go", 77, None, 5)]
    assert_balance(user, 5)


def test_both_expiries_of_a_transfer_arrive(user, grace, clock):
    for days in (1, 2):
        fund(user, 50, expires_at=timezone.now() + days * DAY)
    ledger.transfer(user, grace, 100, reason="gift")
    for total in (50, 0):
        clock.shift(DAY)
        assert_balance(grace, total)


@pytest.mark.parametrize("has_account", [True, False])
def test_more_than_is_there_cannot_be_transferred(user, grace, has_account):
    if has_account:
        fund(user, 5)
    with pytest.raises(InsufficientCredits):
        ledger.transfer(user, grace, 6, reason="gift")
    assert not CreditAccount.objects.for_owner(grace).exists()


def test_nobody_transfers_to_oneself(user):
    fund(user, 5)
    for source, target in [(user, user), (user, user.credit_account), (user.credit_account, user)]:
        with pytest.raises(ValueError, match="same"):
            ledger.transfer(source, target, 1, reason="gift")
    assert_balance(user, 5)


def test_what_arrives_pays_debt_first(user, grace):
    fund(user, 10)
    debtor = fund(grace, 4).grant
    ledger.spend(grace, 4, reason="report")
    ledger.revoke(debtor, reason="refund")
    ledger.transfer(user, grace, 10, reason="gift")
    assert_balance(grace, 6)


def test_a_repeated_transfer_moves_once_and_its_key_counts_on_the_source(user, grace):
    fund(user, 10)
    fund(grace, 10)
    first = ledger.transfer(user, grace, 3, reason="gift", idempotency_key="gift-1")
    assert ledger.transfer(user, grace, 3, reason="gift", idempotency_key="gift-1") == first
    ledger.transfer(grace, user, 1, reason="gift", idempotency_key="gift-1")
    assert_balance(user, 8)
    assert_balance(grace, 12)


def test_a_transfer_to_somebody_else_on_the_same_key_is_refused(user, grace, django_user_model):
    fund(user, 10)
    ledger.transfer(user, grace, 3, reason="gift", idempotency_key="gift-1")
    with pytest.raises(IdempotencyConflict):
        ledger.transfer(user, django_user_model.objects.create_user("eve"), 3, reason="gift", idempotency_key="gift-1")
    assert_balance(user, 7)


def test_a_batch_spends_from_any_number_of_accounts(user, grace):
    fund(user, 10)
    fund(grace, 10)
    owners = [user, grace, user, user.credit_account]
    entries = ledger.spend_many(ledger.Charge(owner, 2, "report", reference=str(n)) for n, owner in enumerate(owners))
    assert [entry.reference for entry in entries] == ["0", "1", "2", "3"]
    assert [entry.balance_after for entry in entries] == [8, 8, 6, 4]


def test_a_batch_right_after_a_grant_knows_no_head_yet(user):
    fund(user, 10)
    ledger.spend_many([ledger.Charge(user, 3, "report")])
    assert_balance(user, 7)


def test_an_empty_batch_is_nothing(db):
    assert ledger.spend_many([]) == []
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("last", [9, Decimal("8.000001")])
def test_a_batch_spends_all_or_nothing(user, grace, last):
    fund(user, 10)
    fund(grace, 10)
    with pytest.raises(InsufficientCredits) as refusal:
        ledger.spend_many([ledger.Charge(user, 2, "a"), ledger.Charge(grace, 10, "b"), ledger.Charge(user, last, "c")])
    assert refusal.value.available == 8
    assert LedgerEntry.objects.count() == 2


def test_a_batch_with_an_owner_without_an_account_is_refused_whole(user, grace):
    fund(user, 10)
    with pytest.raises(InsufficientCredits):
        ledger.spend_many([ledger.Charge(user, 2, "a"), ledger.Charge(grace, 1, "b")])
    assert_balance(user, 10)


def test_keys_count_within_a_batch_and_across(user):
    fund(user, 10)
    single = ledger.spend(user, 2, reason="a", idempotency_key="one")
    charges = [ledger.Charge(user, 2, "a", idempotency_key=key) for key in ("one", "two", "two")]
    first, second, third = ledger.spend_many(charges)
    assert (first, second) == (single, third)
    assert ledger.spend_many(charges) == [first, second, third]
    assert_balance(user, 6)


def test_a_conflict_in_a_batch_spends_nothing(user):
    fund(user, 10)
    charges = [ledger.Charge(user, 1, "a", idempotency_key="one"), ledger.Charge(user, 2, "a", idempotency_key="one")]
    with pytest.raises(IdempotencyConflict):
        ledger.spend_many(charges)
    assert_balance(user, 10)


def test_a_batch_over_several_grants_follows_spending_order(user, clock):
    fund(user, 3)
    fund(user, 3, expires_at=timezone.now() + DAY)
    fund(user, 3, credit_type="subscription")
    ledger.spend_many([ledger.Charge(user, 2, "a") for _ in range(4)])
    assert ledger.balance(user).by_type == {"subscription": 0, "promotional": 0, "pay_as_you_go": 1}


def test_a_batch_takes_few_statements_however_long_it_is(user):
    fund(user, 1000)
    ledger.spend(user, 1, reason="a")
    with CaptureQueriesContext(connection) as spent:
        ledger.spend_many([ledger.Charge(user, 1, "a") for _ in range(200)])
    assert len(spent) < 20
    assert_balance(user, 799)


def test_who_never_had_credits_is_told_that_none_are_there_to_transfer(user, grace):
    with pytest.raises(InsufficientCredits) as refused:
        ledger.transfer(user, grace, 10, reason="gift")
    assert (refused.value.required, refused.value.available, refused.value.shortfall) == (10, 0, 10)
