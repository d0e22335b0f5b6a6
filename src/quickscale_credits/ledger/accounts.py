"""Making an account before anything is booked on it."""

from __future__ import annotations

from quickscale_credits.ledger.locking import Owner, Tx, make, transact
from quickscale_credits.models import CreditAccount


def open_account(owner: Owner) -> CreditAccount:
    """The owner's account, made if there is none: for an app that keeps records of what costs nothing."""
    accounts = CreditAccount.objects.for_owner(owner)

    def work(tx: Tx) -> CreditAccount:
        return CreditAccount.objects.using(tx.using).get(pk=make(tx, owner).id)

    return accounts.first() or transact(work)
