"""Making an account before anything is booked on it."""

from __future__ import annotations

from quickscale_credits.ledger.locking import Owner, Tx, lock_account, make, transact
from quickscale_credits.models import CreditAccount


def open_account(owner: Owner) -> CreditAccount:
    """The owner's account, made if there is none: for an app that keeps records of what costs nothing."""
    accounts = CreditAccount.objects.for_owner(owner)

    def work(tx: Tx) -> CreditAccount:
        return CreditAccount.objects.using(tx.using).get(pk=make(tx, owner).id)

    return accounts.first() or transact(work)


def open_locked_account(owner: Owner) -> CreditAccount:
    """`open_account`, locked until the caller's transaction ends, as a hold would lock it."""
    account = open_account(owner)
    transact(lambda tx: lock_account(tx, account.pk))
    return account
