"""Holding credits while work is under way: placing, capturing, releasing, timing out."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import CaptureExceedsHold, HoldClosed, InsufficientCredits, InvalidAmount
from quickscale_credits.models import CreditAccount, Hold
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def held(user, clock):
    """30 of 100 credits are held for fifteen minutes."""
    fund(user, 100)
    return ledger.hold(user, 30, reason="work")


def standing(owner):
    balance = ledger.balance(owner)
    return balance.total, balance.held, balance.available


def kinds(owner):
    return list(owner.credit_account.entries.order_by("sequence").values_list("kind", "amount"))


def test_a_hold_sets_credits_aside_without_an_entry(user, held):
    assert standing(user) == (100, 30, 70)
    assert kinds(user) == [("grant", 100)]
    assert (held.amount, held.captured, held.status, held.entry) == (30, 0, "open", None)


def test_a_hold_lasts_fifteen_minutes_unless_told_otherwise(user, held, settings):
    assert held.expires_at == timezone.now() + 15 * MINUTE
    assert ledger.hold(user, 1, reason="work", expires_in=2 * DAY).expires_at == timezone.now() + 2 * DAY
    settings.QUICKSCALE_CREDITS = {"HOLD_TIMEOUT": MINUTE}
    assert ledger.hold(user, 1, reason="work").expires_at == timezone.now() + MINUTE


@pytest.mark.parametrize("expires_in", [timedelta(0), -MINUTE, 60, "60"], ids=repr)
def test_a_hold_needs_time(user, held, expires_in):
    with pytest.raises(ValueError, match="timedelta above zero"):
        ledger.hold(user, 1, reason="work", expires_in=expires_in)
    assert Hold.objects.count() == 1


def test_more_than_is_available_cannot_be_held(user, held):
    with pytest.raises(InsufficientCredits) as refusal:
        ledger.hold(user, 71, reason="work")
    assert (refusal.value.available, refusal.value.shortfall) == (70, 1)
    assert Hold.objects.count() == 1


def test_somebody_without_an_account_can_hold_nothing(user):
    with pytest.raises(InsufficientCredits):
        ledger.hold(user, 1, reason="work")
    assert not CreditAccount.objects.exists()


def test_somebody_else_spends_while_a_hold_is_open(user, held):
    ledger.spend(user, 70, reason="report")
    assert standing(user) == (30, 30, 0)
    ledger.capture(held)
    assert standing(user) == (0, 0, 0)


def test_what_is_held_cannot_be_spent(user, held):
    with pytest.raises(InsufficientCredits):
        ledger.spend(user, 71, reason="report")
    assert standing(user) == (100, 30, 70)


def test_holds_take_from_grants_in_spending_order(user, clock):
    never = fund(user, 10).grant
    soon = fund(user, 10, expires_at=timezone.now() + DAY).grant
    held = ledger.hold(user, 15, reason="work")
    assert list(held.allocations.order_by("id").values_list("grant", "amount")) == [(soon.pk, 10), (never.pk, 5)]
    never.refresh_from_db()
    assert (never.remaining, never.held) == (5, 5)


def test_capturing_spends_what_is_held(user, held):
    entry = ledger.capture(held)
    assert (entry.kind, entry.amount, entry.reason, entry.balance_after) == ("spend", -30, "work", 70)
    held.refresh_from_db()
    assert (held.status, held.captured, held.entry) == ("captured", 30, entry)
    assert standing(user) == (70, 0, 70)


def test_a_capture_has_the_reference_the_actor_and_the_metadata_of_its_hold(user, grace, held):
    other = ledger.hold(user, 1, reason="work", reference="run-1", actor=grace, metadata={"a": 1, "b": 1})
    entry = ledger.capture(other, metadata={"b": 2})
    entry.refresh_from_db()
    assert (entry.reference, entry.actor, entry.metadata) == ("run-1", str(grace.pk), {"a": 1, "b": 2})


def test_the_rest_of_a_partial_capture_goes_back(user, held):
    entry = ledger.capture(held, "12.5")
    assert entry.amount == Decimal("-12.5")
    assert standing(user) == (Decimal("87.5"), 0, Decimal("87.5"))
    assert (held.amount, held.captured) == (30, Decimal("12.5"))


def test_a_partial_capture_takes_in_spending_order(user, clock):
    never = fund(user, 10).grant
    soon = fund(user, 10, expires_at=timezone.now() + DAY).grant
    ledger.capture(ledger.hold(user, 15, reason="work"), 12)
    left = {grant.pk: grant.remaining for grant in user.credit_account.grants.all()}
    assert left == {soon.pk: 0, never.pk: 8}


def test_more_than_is_held_cannot_be_captured_and_the_hold_stays(user, held):
    with pytest.raises(CaptureExceedsHold):
        ledger.capture(held, "30.000001")
    assert standing(user) == (100, 30, 70)
    assert ledger.capture(held).amount == -30


@pytest.mark.parametrize("amount", [-1, "-0.5", Decimal("0.0000001"), Decimal("NaN"), "a lot"])
def test_a_capture_of_no_amount_is_refused(user, held, amount):
    with pytest.raises(InvalidAmount):
        ledger.capture(held, amount)
    assert standing(user) == (100, 30, 70)


@pytest.mark.parametrize("amount", [1.5, True, b"1"])
def test_a_capture_of_another_type_is_a_type_error(user, held, amount):
    with pytest.raises(TypeError):
        ledger.capture(held, amount)
    assert standing(user) == (100, 30, 70)


def test_capturing_nothing_releases(user, held):
    assert ledger.capture(held, 0) is None
    assert held.status == "released"
    assert standing(user) == (100, 0, 100)
    assert kinds(user) == [("grant", 100)]


@pytest.mark.parametrize(("first", "again"), [(None, None), (None, 30), (30, None), ("12.50", Decimal("12.5"))])
def test_capturing_again_with_the_same_amount_returns_the_first_entry(user, held, first, again):
    entry = ledger.capture(held, first)
    assert ledger.capture(held, again) == entry
    assert ledger.capture(Hold.objects.get(pk=held.pk), again) == entry
    assert user.credit_account.entries.count() == 2


@pytest.mark.parametrize("again", [None, 13, 0, 31])
def test_capturing_again_with_another_amount_is_refused(user, held, again):
    ledger.capture(held, 12)
    with pytest.raises(HoldClosed):
        ledger.capture(held, again)
    assert_balance(user, 88)


def test_a_released_hold_cannot_be_captured(user, held):
    ledger.release(held)
    with pytest.raises(HoldClosed):
        ledger.capture(held)
    assert standing(user) == (100, 0, 100)


def test_a_captured_hold_cannot_be_released(user, held):
    ledger.capture(held, 10)
    with pytest.raises(HoldClosed):
        ledger.release(held)
    assert standing(user) == (90, 0, 90)


def test_releasing_gives_back_and_releasing_again_does_nothing(user, held):
    assert ledger.release(held).status == "released"
    assert ledger.release(held).status == "released"
    assert standing(user) == (100, 0, 100)
    assert kinds(user) == [("grant", 100)]


def test_a_hold_lasts_to_its_last_microsecond(user, held, clock):
    clock.shift(15 * MINUTE - timedelta(microseconds=1))
    assert standing(user) == (100, 30, 70)
    assert ledger.capture(held).amount == -30


@pytest.mark.parametrize("swept", [False, True])
def test_an_expired_hold_cannot_be_captured(user, held, clock, swept):
    clock.shift(15 * MINUTE)
    assert ledger.expire() == 0 if swept else True
    with pytest.raises(HoldClosed, match="expired"):
        ledger.capture(held)
    assert standing(user) == (100, 0, 100)


@pytest.mark.parametrize("swept", [False, True])
def test_releasing_an_expired_hold_does_nothing(user, held, clock, swept):
    clock.shift(15 * MINUTE)
    assert ledger.expire() == 0 if swept else True
    assert ledger.release(held).status == "expired"
    assert standing(user) == (100, 0, 100)


def test_what_an_expired_hold_held_can_be_spent_at_once(user, held, clock):
    clock.shift(15 * MINUTE)
    ledger.spend(user, 100, reason="report")
    held.refresh_from_db()
    assert held.status == "expired"
    assert standing(user) == (0, 0, 0)


def test_held_credits_do_not_expire_while_held(user, clock):
    fund(user, 10, expires_at=timezone.now() + MINUTE)
    held = ledger.hold(user, 4, reason="work")
    clock.shift(MINUTE)
    assert ledger.expire() == 1
    assert standing(user) == (4, 4, 0)
    ledger.capture(held)
    assert kinds(user) == [("grant", 10), ("expiry", -6), ("spend", -4)]


def test_what_comes_back_to_an_expired_grant_expires_then(user, clock):
    fund(user, 10, expires_at=timezone.now() + MINUTE)
    held = ledger.hold(user, 4, reason="work")
    clock.shift(MINUTE)
    ledger.release(held)
    assert kinds(user) == [("grant", 10), ("expiry", -6), ("expiry", -4)]
    assert standing(user) == (0, 0, 0)


def test_the_rest_of_a_capture_from_an_expired_grant_expires(user, clock):
    fund(user, 10, expires_at=timezone.now() + MINUTE)
    held = ledger.hold(user, 10, reason="work")
    clock.shift(MINUTE)
    ledger.capture(held, 3)
    assert kinds(user) == [("grant", 10), ("spend", -3), ("expiry", -7)]


def test_hold_and_grant_that_end_together_leave_nothing(user, clock):
    fund(user, 10, expires_at=timezone.now() + 15 * MINUTE)
    ledger.hold(user, 10, reason="work")
    clock.shift(15 * MINUTE)
    assert standing(user) == (0, 0, 0)
    assert ledger.expire() == 1
    assert kinds(user) == [("grant", 10), ("expiry", -10)]


def test_a_hold_that_is_no_hold_is_refused(user, held):
    with pytest.raises(TypeError):
        ledger.capture(held.pk)
    with pytest.raises(ValueError, match="not in the database"):
        ledger.release(Hold(account=held.account, amount=30))
    assert standing(user) == (100, 30, 70)


def test_spending_captures_all_on_leaving(user, clock):
    fund(user, 10)
    with ledger.spending(user, 4, reason="work", reference="run-1") as hold:
        assert standing(user) == (10, 4, 6)
    hold.refresh_from_db()
    assert (hold.status, hold.entry.reference) == ("captured", "run-1")
    assert standing(user) == (6, 0, 6)


def test_what_was_captured_inside_is_all_that_is_spent(user, clock):
    fund(user, 10)
    with ledger.spending(user, 4, reason="work") as hold:
        ledger.capture(hold, 1)
    assert standing(user) == (9, 0, 9)


def test_a_hold_that_was_released_inside_is_not_spent(user, clock):
    fund(user, 10)
    with ledger.spending(user, 4, reason="work") as hold:
        ledger.release(hold)
    assert standing(user) == (10, 0, 10)


@pytest.mark.parametrize("trouble", [LookupError, KeyboardInterrupt, SystemExit])
def test_an_exception_inside_releases_and_goes_on(user, clock, trouble):
    fund(user, 10)
    with pytest.raises(trouble), ledger.spending(user, 4, reason="work"):
        raise trouble
    assert standing(user) == (10, 0, 10)
    assert kinds(user) == [("grant", 10)]


def test_an_exception_after_a_capture_inside_leaves_it_spent(user, clock):
    fund(user, 10)
    with suppress(LookupError), ledger.spending(user, 4, reason="work") as hold:
        ledger.capture(hold, 3)
        raise LookupError
    assert standing(user) == (7, 0, 7)


def test_too_few_credits_stop_the_work_before_it_begins(user, clock):
    fund(user, 3)
    with pytest.raises(InsufficientCredits), ledger.spending(user, 4, reason="work"):
        pytest.fail("the work began")
    assert standing(user) == (3, 0, 3)


@pytest.mark.parametrize("swept", [False, True])
def test_work_that_outlasts_its_hold_is_told_so(user, clock, swept):
    fund(user, 10)
    work = ledger.spending(user, 4, reason="work", expires_in=MINUTE)
    work.__enter__()
    clock.shift(MINUTE)
    assert ledger.expire() == 0 if swept else True
    with pytest.raises(HoldClosed):
        work.__exit__(None, None, None)
    assert standing(user) == (10, 0, 10)


def test_work_with_a_key_is_not_done_twice(user, clock):
    fund(user, 10)
    with ledger.spending(user, 4, reason="work", idempotency_key="job-1"):
        pass
    with pytest.raises(HoldClosed), ledger.spending(user, 4, reason="work", idempotency_key="job-1"):
        pytest.fail("the work began again")
    assert standing(user) == (6, 0, 6)


def test_spending_inside_a_transaction_says_why_it_will_not(user, clock):
    fund(user, 10)
    with (
        transaction.atomic(),
        pytest.raises(RuntimeError, match="transaction"),
        ledger.spending(user, 4, reason="work"),
    ):
        pytest.fail("the work began")
    assert standing(user) == (10, 0, 10)


def test_what_a_hold_gives_back_still_ends_in_time(user, clock):
    fund(user, 100, expires_at=timezone.now() + 10 * DAY)
    ledger.hold(user, 100, reason="work", expires_in=DAY)
    clock.shift(2 * DAY)
    ledger.spend(user, 5, reason="work")
    clock.shift(8 * DAY)
    assert_balance(user, 0)
    with pytest.raises(InsufficientCredits):
        ledger.spend(user, 1, reason="work")


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_of_two_holds_that_are_due_the_one_that_is_meant_is_told_of(user, clock, first, second):
    fund(user, 100)
    one = ledger.hold(user, 10, reason="work", expires_in=first * MINUTE)
    other = ledger.hold(user, 20, reason="work", expires_in=second * MINUTE)
    clock.shift(DAY)
    assert [(hold.pk, hold.amount, hold.status) for hold in (ledger.release(one), ledger.release(other))] == [
        (one.pk, 10, "expired"),
        (other.pk, 20, "expired"),
    ]
    assert standing(user) == (100, 0, 100)
