"""Acceptance stories 5, 7, 8 and 24: holds side by side, debt, transfers, and an owner who is erased."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import InsufficientCredits
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.mariadb]


def test_5_a_hold_keeps_its_credits_and_gives_back_what_it_did_not_need(user: Any):
    fund(user, 600)
    hold = ledger.hold(user, 500, reason="video")
    with pytest.raises(InsufficientCredits):
        ledger.hold(user, 500, reason="video")
    ledger.capture(hold, 320)
    assert ledger.balance(user).available == 280


def test_5_a_small_spend_succeeds_while_a_hold_is_open(user: Any):
    fund(user, 600)
    hold = ledger.hold(user, 500, reason="video")
    ledger.spend(user, 1, reason="page")
    ledger.capture(hold, 320)
    assert_balance(user, 279)


def test_7_what_was_spent_of_a_revoked_grant_is_owed(user: Any):
    grant = fund(user, 100).grant
    ledger.spend(user, 40, reason="page")
    ledger.revoke(grant, reason="refund")
    assert_balance(user, -40)
    fund(user, 100)
    assert_balance(user, 60)


def test_8_both_expiries_of_what_was_transferred_arrive(user: Any, clock: Any):
    friend = get_user_model().objects.create_user("grace")
    for days in (10, 20):
        fund(user, 60, expires_at=timezone.now() + timedelta(days=days))
    ledger.transfer(user, friend, 100, reason="gift")
    arrived = friend.credit_account.grants.order_by("expires_at").values_list("amount", "expires_at")
    assert list(arrived) == [
        (60, timezone.now() + timedelta(days=10)),
        (40, timezone.now() + timedelta(days=20)),
    ]


def test_24_an_erased_user_leaves_the_ledger_as_it_was_and_nothing_personal(user: Any):
    user.username, user.email = "lovelace", "countess@example.com"
    user.save()
    fund(user, 100, actor=user)
    ledger.capture(ledger.hold(user, 30, reason="video", actor=user))
    before = list(LedgerEntry.objects.order_by("pk").values())
    user.delete()
    after = list(LedgerEntry.objects.order_by("pk").values())
    assert after == before
    assert not any(text in str(after) for text in ("lovelace", "countess", "example.com"))
