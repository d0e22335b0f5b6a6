"""Whose credits they are: which owners are taken, when an account is made, what a deletion leaves."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group
from django.core.management import call_command
from django.utils.functional import SimpleLazyObject

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_credits.testing import assert_balance, fund

pytestmark = [pytest.mark.django_db, pytest.mark.mariadb]

VERBS = [
    lambda owner: ledger.grant(owner, 1),
    lambda owner: ledger.spend(owner, 1, reason="report"),
    lambda owner: ledger.hold(owner, 1, reason="work"),
    lambda owner: ledger.adjust(owner, -1, reason="mistake"),
    lambda owner: ledger.spend_many([ledger.Charge(owner, 1, "report")]),
    lambda owner: ledger.balance(owner),
]


def test_the_account_is_made_by_the_first_write(user):
    with pytest.raises(CreditAccount.DoesNotExist):
        _ = user.credit_account
    ledger.grant(user, 1)
    user.refresh_from_db()
    assert user.credit_account.owner == user


def test_the_account_itself_is_an_owner(user):
    fund(user, 10)
    ledger.spend(user.credit_account, 4, reason="report")
    ledger.grant(user.credit_account, 1)
    assert_balance(user, 7)
    assert CreditAccount.objects.count() == 1


def test_the_lazy_user_of_a_request_is_an_owner(user):
    lazy = SimpleLazyObject(lambda: user)
    ledger.grant(lazy, 10)
    ledger.capture(ledger.hold(lazy, 4, reason="work", actor=lazy))
    assert ledger.balance(lazy) == ledger.balance(user)
    assert LedgerEntry.objects.get(kind="spend").actor == str(user.pk)


@pytest.mark.parametrize("verb", VERBS)
def test_an_unsaved_owner_is_refused(db, verb):
    with pytest.raises(ValueError, match="Save"):
        verb(get_user_model()(username="nobody"))
    assert not CreditAccount.objects.exists()


@pytest.mark.parametrize("verb", VERBS)
def test_an_unsaved_owner_with_a_key_of_its_own_is_refused(db, verb):
    with pytest.raises(ValueError, match="Save"):
        verb(get_user_model()(pk=77, username="nobody"))
    assert not CreditAccount.objects.exists()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("owner", [None, 1, "ada", Group(pk=1), AnonymousUser()], ids=lambda it: type(it).__name__)
def test_what_is_no_owner_is_refused(db, verb, owner):
    with pytest.raises(TypeError):
        verb(owner)
    assert not CreditAccount.objects.exists()


@pytest.mark.parametrize("verb", VERBS)
def test_a_deleted_owner_is_refused(user, verb):
    user.delete()
    with pytest.raises(ValueError, match="Save"):
        verb(user)
    assert not CreditAccount.objects.exists()


def test_a_grant_to_an_owner_whom_somebody_else_deleted_is_refused_before_anything_is_written(user):
    get_user_model().objects.filter(pk=user.pk).delete()
    with pytest.raises(ValueError, match="no longer"):
        ledger.grant(user, 1)
    assert not CreditAccount.objects.exists()


def test_deleting_the_owner_keeps_the_account_and_every_entry(user):
    fund(user, 10)
    ledger.spend(user, 4, reason="report")
    account = user.credit_account
    before = list(account.entries.order_by("sequence").values())
    user.delete()
    account.refresh_from_db()
    assert account.owner is None
    assert list(account.entries.order_by("sequence").values()) == before
    assert_balance(account, 6)


def test_what_an_erased_owner_left_can_still_be_corrected(user):
    fund(user, 10)
    account = user.credit_account
    user.delete()
    account.refresh_from_db()
    ledger.adjust(account, -10, reason="erased")
    assert_balance(account, 0)


def test_a_new_owner_never_gets_what_an_erased_one_left(user):
    fund(user, 10)
    user.delete()
    successor = get_user_model().objects.create_user("ada")
    assert_balance(successor, 0)
    fund(successor, 3)
    assert CreditAccount.objects.count() == 2


def test_an_owner_looks_like_any_other_in_the_account_queryset(user, grace):
    fund(user, 1)
    assert CreditAccount.objects.for_owner(user).get().owner == user
    assert not CreditAccount.objects.for_owner(grace).exists()


def test_actors_are_kept_without_a_foreign_key(user, grace):
    fund(user, 10, actor=grace)
    key = str(grace.pk)
    grace.delete()
    assert LedgerEntry.objects.get().actor == key
    call_command("verify_ledger")
