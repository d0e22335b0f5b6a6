"""Sound ledgers of unusual shapes are found sound, account by account."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.ledger import audit, pictures
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.ledger.verifying import Problem
from quickscale_credits.models import CreditAccount, CreditGrant, RedeemCode
from quickscale_credits.testing import fund
from tests.credits.crowds import owners
from tests.credits.large import fund_each, spend_from_each


def test_accounts_without_entries_among_others_are_sound(db: None) -> None:
    empty, used, after, other = owners(4)
    for owner in (empty, used, after, other):
        open_account(owner)
    fund(used, 2)
    ledger.spend(used, 1, reason="work")
    fund(other, 3)
    report = ledger.verify()
    assert (report.problems, report.accounts) == ((), 4)


def test_an_account_of_many_entries_is_sound(db: None) -> None:
    fund_each(1, 1_000)
    spend_from_each(300)
    assert ledger.verify().problems == ()


def test_a_grant_after_many_is_the_one_that_pays_next(user: Any) -> None:
    fund_each(300, 1)
    grant = fund(user, 10).grant
    ledger.spend(user, 1, reason="work")
    assert CreditAccount.objects.get(owner=user).head_grant_id == grant.pk > 256
    assert ledger.verify().problems == ()


def test_the_grant_that_ends_first_pays_next_though_it_came_last(user: Any) -> None:
    fund(user, 10, expires_at=timezone.now() + timedelta(days=9))
    grant = fund(user, 10, expires_at=timezone.now() + timedelta(days=2)).grant
    ledger.spend(user, 1, reason="work")
    assert CreditAccount.objects.get().head_grant_id == grant.pk
    assert ledger.verify().problems == ()


@pytest.mark.parametrize("page", [1, 2, 3])
def test_however_small_the_pages_are_all_is_verified(db: None, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    for owner in owners(3):
        fund(owner, 10)
        for spent in [ledger.spend(owner, 1, reason="work") for _ in range(3)]:
            ledger.reverse(spent, 1, reason="refund")
        for _ in range(3):
            ledger.hold(owner, 1, reason="work")
    monkeypatch.setattr(pictures, "PAGE", page)
    monkeypatch.setattr(audit, "PAGE", page)
    report = ledger.verify()
    assert (report.problems, report.accounts) == ((), 3)
    CreditGrant.objects.update(expired=1)
    assert {problem.account for problem in ledger.verify().problems} == set(CreditAccount.objects.all())
    CreditGrant.objects.update(expired=0)


def test_a_code_that_nobody_redeemed_is_sound(db: None) -> None:
    RedeemCode.objects.create(code="SPRING", amount=5)
    assert ledger.verify().problems == ()


def test_a_crumb_of_a_credit_is_sound(user: Any) -> None:
    fund(user, "0.000001")
    assert ledger.verify().problems == ()


def test_some_accounts_are_verified_by_themselves(db: None) -> None:
    first, second = owners(2)
    fund(first, 1)
    fund(second, 2)
    report = ledger.verify(CreditAccount.objects.filter(owner=second))
    assert (report.ok, report.accounts) == (True, 1)


@pytest.mark.parametrize(("is_of_all", "where"), [(True, "ledger"), (False, "account 7")])
def test_a_problem_says_where_it_is(is_of_all: bool, where: str) -> None:
    account = None if is_of_all else CreditAccount(pk=7)
    assert str(Problem(account, "head", "grant 1 is gone")) == f"{where}: head: grant 1 is gone"
