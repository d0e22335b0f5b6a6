"""Verifying a ledger that is in use neither holds anybody up nor takes what is being written for damage."""

import pytest
from django.db import connection, models

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount, CreditGrant
from quickscale_credits.testing import assert_balance, fund
from tests.credits.commands import PAUSING
from tests.credits.crowds import owners
from tests.credits.patience import waiting_at_most
from tests.stories.threads import at_once

pytestmark = [pytest.mark.mariadb, pytest.mark.django_db(transaction=True)]


def some_business(owner):
    for _ in range(5):
        fund(owner, 10)
        spend = ledger.spend(owner, 7, reason="page")
        hold = ledger.hold(owner, 3, reason="image")
        ledger.reverse(spend, 2, reason="complaint")
        ledger.capture(hold, 1)
    return True


def some_verifications():
    return all(ledger.verify().ok for _ in range(5))


def test_verbs_at_work_are_not_taken_for_damage(db):
    people = owners(3)
    work = iter([lambda owner=owner: some_business(owner) for owner in people] + 2 * [some_verifications])
    assert at_once(5, lambda: next(work)()) == [True] * 5


def test_others_spend_while_the_entries_of_a_damaged_account_are_read(user, spawn):
    damaged = fund(user, 1).grant
    fund(user, 20)
    for _ in range(6):
        ledger.spend(user, 1, reason="page")
    CreditGrant.objects.filter(pk=damaged.pk).update(expired=1)
    # The eight entries are three pages; the fourth is read when the account is looked at once more.
    verification = spawn(PAUSING, "SELECT", "quickscale_credits_allocation", 4, "verify_ledger")
    assert verification.stdout.readline() == "paused\n"
    with waiting_at_most(seconds=2):
        ledger.spend(user, 1, reason="page")
    output, _ = verification.communicate("\n", timeout=60)
    assert f"grant-expired: of grant {damaged.pk} not 1 have expired" in output
    CreditGrant.objects.filter(pk=damaged.pk).update(expired=0)
    assert_balance(user, 14)


@pytest.mark.once
@pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL lets only superusers break a foreign key")
def test_an_account_that_was_taken_out_of_the_ledger_is_missed(user):
    grant = fund(user, 10).grant
    account = CreditAccount.objects.get()
    with connection.constraint_checks_disabled():
        models.QuerySet(CreditAccount).filter(pk=account.pk)._raw_delete(connection.alias)
        [problem] = ledger.verify().problems
        assert str(problem) == f"ledger: account-missing: grant {grant.pk} belongs to an account that is gone"
        CreditAccount.objects.bulk_create([account])
    assert_balance(user, 10)
