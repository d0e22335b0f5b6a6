"""The same key: the same request gives the first result again, another one is refused."""

from datetime import timedelta

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import IdempotencyConflict, InsufficientCredits
from quickscale_credits.models import Hold, LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

KEY = {"idempotency_key": "order-1"}


def rows():
    return LedgerEntry.objects.count(), Hold.objects.count()


def test_a_repeated_grant_gives_nothing_more(user):
    first = ledger.grant(user, 10, **KEY)
    assert ledger.grant(user, "10.0", **KEY) == first
    assert_balance(user, 10)


def test_a_repeated_spend_takes_nothing_more(user):
    fund(user, 10)
    first = ledger.spend(user, 4, reason="report", **KEY)
    assert ledger.spend(user, 4, reason="report", **KEY) == first
    assert_balance(user, 6)


def test_a_repeated_hold_is_the_first_one_even_when_it_is_closed(user, clock):
    fund(user, 10)
    first = ledger.hold(user, 4, reason="work", **KEY)
    assert ledger.hold(user, 4, reason="work", **KEY) == first
    ledger.capture(first)
    again = ledger.hold(user, 4, reason="work", **KEY)
    assert (again, again.status) == (first, "captured")
    assert_balance(user, 6)


@pytest.mark.parametrize("verb", [ledger.spend, ledger.hold])
def test_a_replay_wins_over_too_few_credits(user, verb):
    fund(user, 10)
    first = verb(user, 10, reason="work", **KEY)
    assert verb(user, 10, reason="work", **KEY) == first


@pytest.mark.parametrize("other", [{"amount": 5}, {"reason": "other"}, {"reference": "other"}])
@pytest.mark.parametrize("verb", [ledger.grant, ledger.spend, ledger.hold])
def test_another_request_on_the_same_key_is_refused(user, verb, other):
    fund(user, 100)
    said = {"amount": 4, "reason": "work", "reference": "run"}
    verb(user, **said, **KEY)
    before = rows()
    with pytest.raises(IdempotencyConflict, match="order-1"):
        verb(user, **said | other, **KEY)
    assert rows() == before


def test_a_conflict_wins_over_too_few_credits(user):
    fund(user, 10)
    ledger.spend(user, 10, reason="report", **KEY)
    with pytest.raises(IdempotencyConflict):
        ledger.spend(user, 11, reason="report", **KEY)


def test_a_grant_of_another_type_is_another_request(user):
    ledger.grant(user, 10, **KEY)
    with pytest.raises(IdempotencyConflict):
        ledger.grant(user, 10, credit_type="promotional", **KEY)
    assert_balance(user, 10)


def test_another_verb_is_another_request(user):
    fund(user, 10)
    ledger.grant(user, 4, reason="same", **KEY)
    with pytest.raises(IdempotencyConflict):
        ledger.spend(user, 4, reason="same", **KEY)
    assert_balance(user, 14)


def test_metadata_actor_and_expiry_may_differ(user, grace, clock):
    first = ledger.grant(user, 10, expires_at=timezone.now() + timedelta(days=1), metadata={"try": 1}, **KEY)
    again = ledger.grant(user, 10, metadata={"try": 2}, actor=grace, priority=3, **KEY)
    assert again == first
    assert again.metadata == {"try": 1}


def test_a_grant_repeated_after_its_expiry_is_still_the_first(user, clock):
    expires_at = timezone.now() + timedelta(days=1)
    first = ledger.grant(user, 10, expires_at=expires_at, **KEY)
    clock.shift(timedelta(days=2))
    assert ledger.grant(user, 10, expires_at=expires_at, **KEY) == first
    assert_balance(user, 0)


def test_keys_of_holds_are_a_namespace_of_their_own(user):
    fund(user, 10)
    hold = ledger.hold(user, 4, reason="work", **KEY)
    entry = ledger.spend(user, 4, reason="work", **KEY)
    assert entry.idempotency_key == hold.idempotency_key == "order-1"
    assert ledger.balance(user).available == 2


def test_a_key_counts_in_its_account_alone(user, grace):
    first = ledger.grant(user, 10, **KEY)
    second = ledger.grant(grace, 10, **KEY)
    assert first != second
    assert_balance(grace, 10)


@pytest.mark.parametrize("other", ["Order-1", "order-1 ", "ordér-1", "order-1\t", "order\u20111"])
def test_keys_differ_by_a_letters_case_an_accent_or_a_space(user, other):
    fund(user, 10)
    ledger.spend(user, 1, reason="report", **KEY)
    ledger.spend(user, 2, reason="report", idempotency_key=other)
    ledger.hold(user, 1, reason="work", **KEY)
    ledger.hold(user, 2, reason="work", idempotency_key=other)
    assert ledger.balance(user).available == 4


def test_two_spends_without_keys_are_two_spends(user):
    fund(user, 10)
    assert ledger.spend(user, 4, reason="report") != ledger.spend(user, 4, reason="report")
    assert_balance(user, 2)


def test_a_refused_spend_does_not_use_up_its_key(user):
    fund(user, 1)
    with pytest.raises(InsufficientCredits):
        ledger.spend(user, 4, reason="report", **KEY)
    fund(user, 10)
    ledger.spend(user, 4, reason="report", **KEY)
    assert_balance(user, 7)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", [ledger.grant, ledger.spend, ledger.hold])
def test_repeats_and_conflicts_are_told_apart_outside_transactions_too(user, verb):
    fund(user, 100)
    first = verb(user, 4, reason="work", **KEY)
    assert verb(user, 4, reason="work", **KEY) == first
    with pytest.raises(IdempotencyConflict):
        verb(user, 5, reason="work", **KEY)
    assert rows() == ((1, 1) if verb is ledger.hold else (2, 0))
