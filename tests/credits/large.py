"""A ledger of many rows, written directly and sealed: as the verbs would have booked it, in a fraction of the time."""

import itertools
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, Model, OuterRef, Subquery, Value
from django.utils import timezone

from quickscale_credits.fields import CreditField
from quickscale_credits.ledger.sealing import ENTRY, GRANT, seal_of
from quickscale_credits.models import CreditAccount, CreditGrant, LedgerEntry
from tests.credits.crowds import owners

FULL = os.environ.get("QUICKSCALE_FULL_SCALE") == "1"
BATCH = 2000


def fund_each(count: int, amount: int, expires_at: datetime | None = None) -> list[CreditAccount]:
    """So many owners, each with an account that was given one grant two days ago."""
    accounts = [
        CreditAccount(owner=owner, balance=amount, sequence=1, next_expiry_at=expires_at) for owner in owners(count)
    ]
    store(accounts)
    accounts = list(CreditAccount.objects.order_by("pk"))
    store(grant_to(account, expires_at) for account in accounts)
    grants = CreditGrant.objects.order_by("pk")
    store(entry(grant, "grant", grant.amount, sequence=1, balance=grant.amount) for grant in grants)
    first = LedgerEntry.objects.filter(account=OuterRef("account"), sequence=1)
    CreditGrant.objects.update(entry_id=Subquery(first.values("pk")))
    return accounts


def spend_from_each(times: int) -> None:
    """From each account one credit, then another, so many times."""
    grants = list(CreditGrant.objects.order_by("pk"))
    store(
        entry(grant, "spend", Decimal(-1), sequence=1 + number, balance=grant.amount - number)
        for number in range(1, times + 1)
        for grant in grants
    )
    spent = Value(times, CreditField())
    CreditAccount.objects.update(sequence=F("sequence") + times, balance=F("balance") - spent)
    CreditGrant.objects.update(remaining=F("remaining") - spent)


def grant_to(account: CreditAccount, expires_at: datetime | None) -> CreditGrant:
    return sealed(
        GRANT,
        CreditGrant(
            account_id=account.pk,
            credit_type="promotional",
            priority=20,
            expires_at=expires_at,
            amount=account.balance,
            remaining=account.balance,
            created_at=timezone.now() - timedelta(days=2),
        ),
    )


def entry(grant: CreditGrant, kind: str, amount: Decimal, *, sequence: int, balance: Decimal) -> LedgerEntry:
    return sealed(
        ENTRY,
        LedgerEntry(
            account_id=grant.account_id,
            grant_id=grant.pk,
            sequence=sequence,
            kind=kind,
            amount=amount,
            balance_after=balance,
            reason=kind,
            created_at=grant.created_at,
        ),
    )


def sealed(names: tuple[str, ...], row: Any) -> Any:
    row.seal = seal_of(row, names)
    return row


def store(rows: Iterable[Model]) -> None:
    rows = iter(rows)
    while batch := list(itertools.islice(rows, BATCH)):
        type(batch[0])._default_manager.bulk_create(batch)
