"""What is announced, when, and with what."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from quickscale_credits import ledger, signals
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.models import CreditAccount
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]

LOW = {"LOW_BALANCE_THRESHOLD": 5}


def act(verb, user, grace):
    """Does it, and returns what the signal should carry beside the account."""
    entry = fund(user, 10)
    match verb:
        case "grant":
            return {"entry": ledger.grant(user, 1)}
        case "spend":
            return {"entry": ledger.spend(user, 1, reason="report")}
        case "reverse":
            return {"entry": ledger.reverse(ledger.spend(user, 1, reason="report"), reason="refund")}
        case "revoke":
            return {"entry": ledger.revoke(entry.grant, 1, reason="refund")}
        case "expire":
            return {"entry": ledger.expire_grant(entry.grant, reason="ended")}
        case "adjust":
            return {"entry": ledger.adjust(user, -1, reason="mistake")}
        case "hold":
            return {"hold": ledger.hold(user, 1, reason="work")}
        case "capture":
            hold = ledger.hold(user, 1, reason="work")
            return {"entry": ledger.capture(hold), "hold": hold}
        case "release":
            return {"hold": ledger.release(ledger.hold(user, 1, reason="work"))}


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("grant", "credits_granted"),
        ("spend", "credits_spent"),
        ("reverse", "credits_reversed"),
        ("revoke", "credits_revoked"),
        ("expire", "credits_expired"),
        ("adjust", "credits_adjusted"),
        ("hold", "hold_placed"),
        ("capture", "hold_captured"),
        ("capture", "credits_spent"),
        ("release", "hold_released"),
    ],
)
def test_each_verb_is_announced_with_the_account_and_what_it_made(user, grace, hear, verb, name):
    heard = hear(getattr(signals, name))
    expected = act(verb, user, grace)
    assert heard[-1] == {"account": user.credit_account} | expected


def test_a_transfer_is_announced_to_both(user, grace, hear):
    fund(user, 10)
    heard = hear(signals.credits_transferred)
    out, into = ledger.transfer(user, grace, 4, reason="gift")
    assert heard == [
        {"account": user.credit_account, "entry": out},
        {"account": grace.credit_account, "entry": into},
    ]


def test_the_account_stands_as_the_verb_left_it(user, hear):
    heard = hear(signals.credits_spent)
    fund(user, 10)
    ledger.hold(user, 3, reason="work")
    ledger.spend(user, "2.5", reason="report")
    account = heard[0]["account"]
    assert (account.balance, account.held, account.owner) == (Decimal("7.5"), 3, user)


def test_what_comes_due_is_announced_with_the_write_that_books_it(user, clock, hear):
    expired, released = hear(signals.credits_expired), hear(signals.hold_released)
    fund(user, 10, expires_at=timezone.now() + timedelta(minutes=20))
    hold = ledger.hold(user, 4, reason="work")
    clock.shift(timedelta(minutes=20))
    assert (expired, released) == ([], [])
    ledger.expire()
    assert [each["entry"].amount for each in expired] == [-10]
    assert [each["hold"] for each in released] == [hold]


def test_a_repeat_is_not_announced_again(user, hear):
    heard = hear(signals.credits_granted)
    for _ in range(3):
        ledger.grant(user, 10, idempotency_key="once")
    assert len(heard) == 1


def test_a_receiver_that_raises_harms_nothing(user, hear):
    def broken(**carried):
        raise RuntimeError("the host's own trouble")

    signals.credits_spent.connect(broken)
    heard = hear(signals.credits_spent)
    fund(user, 10)
    try:
        ledger.spend(user, 4, reason="report")
    finally:
        signals.credits_spent.disconnect(broken)
    assert len(heard) == 1
    assert_balance(user, 6)


def test_a_receiver_may_use_the_ledger_itself(user, grace):
    def reward(account, entry, **carried):
        ledger.grant(grace, 1, idempotency_key=f"reward-{entry.pk}")

    signals.credits_spent.connect(reward)
    fund(user, 10)
    try:
        ledger.spend(user, 4, reason="report")
    finally:
        signals.credits_spent.disconnect(reward)
    assert_balance(grace, 1)


def test_a_low_balance_is_told_once_per_crossing(user, settings, hear):
    settings.QUICKSCALE_CREDITS = LOW
    heard = hear(signals.balance_low)
    fund(user, 10)
    for amount in (5, 1, 1):
        ledger.spend(user, amount, reason="report")
    assert [each["account"].balance for each in heard] == [4]
    fund(user, 2)
    ledger.spend(user, 1, reason="report")
    assert [each["account"].balance for each in heard] == [4, 4]


def test_exactly_the_threshold_is_not_low(user, settings, hear):
    settings.QUICKSCALE_CREDITS = LOW
    heard = hear(signals.balance_low)
    fund(user, 10)
    ledger.spend(user, 5, reason="report")
    assert heard == []
    ledger.spend(user, "0.000001", reason="report")
    assert len(heard) == 1


def test_holds_count_for_a_low_balance(user, settings, hear):
    settings.QUICKSCALE_CREDITS = LOW
    heard = hear(signals.balance_low)
    fund(user, 10)
    hold = ledger.hold(user, 6, reason="work")
    assert len(heard) == 1
    ledger.capture(hold)
    assert len(heard) == 1


def test_an_account_may_have_a_threshold_of_its_own(user, settings, hear):
    settings.QUICKSCALE_CREDITS = LOW
    heard = hear(signals.balance_low)
    fund(user, 10)
    CreditAccount.objects.update(low_balance_threshold=8)
    ledger.spend(user, 3, reason="report")
    assert len(heard) == 1


def test_without_a_threshold_no_balance_is_low(user, hear):
    heard = hear(signals.balance_low)
    fund(user, 10)
    ledger.spend(user, 10, reason="report")
    assert heard == []


def test_a_new_grant_below_the_threshold_crosses_nothing(user, settings, hear):
    settings.QUICKSCALE_CREDITS = LOW
    heard = hear(signals.balance_low)
    fund(user, 2)
    ledger.spend(user, 1, reason="report")
    assert heard == []


def test_what_expires_makes_a_balance_low_and_depleted(user, clock, settings, hear):
    settings.QUICKSCALE_CREDITS = LOW
    low, depleted = hear(signals.balance_low), hear(signals.balance_depleted)
    fund(user, 10, expires_at=timezone.now() + timedelta(days=1))
    clock.shift(timedelta(days=1))
    ledger.expire()
    assert (len(low), len(depleted)) == (1, 1)


def test_a_balance_is_depleted_when_the_last_credit_goes(user, hear):
    heard = hear(signals.balance_depleted)
    fund(user, 10)
    ledger.spend(user, 9, reason="report")
    assert heard == []
    ledger.hold(user, 1, reason="work")
    assert [each["account"] for each in heard] == [user.credit_account]


def test_debt_from_above_zero_is_no_exact_zero(user, hear):
    heard = hear(signals.balance_depleted)
    grant = fund(user, 10).grant
    ledger.spend(user, 9, reason="report")
    ledger.revoke(grant, reason="refund")
    assert ledger.balance(user).available == -9
    assert heard == []


def test_missing_credits_are_told_at_once_even_if_the_caller_rolls_back(user, hear):
    heard = hear(signals.credits_insufficient)
    fund(user, 3)
    with pytest.raises(InsufficientCredits), transaction.atomic():
        ledger.spend(user, 5, reason="report")
    assert heard == [{"owner": user, "required": 5, "available": 3}]


@pytest.mark.parametrize("verb", [ledger.spend, ledger.hold])
def test_missing_credits_are_told_where_there_is_no_account(user, hear, verb):
    heard = hear(signals.credits_insufficient)
    with pytest.raises(InsufficientCredits):
        verb(user, 5, reason="report")
    assert heard == [{"owner": user, "required": 5, "available": 0}]
