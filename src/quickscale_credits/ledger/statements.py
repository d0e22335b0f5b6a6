"""The ledger's SQL on the hot path, each statement written as an ORM query and compiled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import BigIntegerField, DateTimeField, Exists, F, OuterRef

from quickscale_credits.ledger.compiling import (
    PK,
    Setting,
    Slot,
    Statement,
    inserting,
    locking,
    slots,
    updating,
)
from quickscale_credits.ledger.sealing import ENTRY
from quickscale_credits.models import CreditAccount, CreditGrant, Hold, LedgerEntry, SpendingLimit

PAGE = 16
ACCOUNT = (
    *("id", "owner_id", "balance", "held", "debt", "low_balance_threshold"),
    *("sequence", "head_grant_id", "next_expiry_at", "limited"),
)
GRANT = (
    *("id", "credit_type", "priority", "expires_at", "amount", "remaining"),
    *("held", "revoked", "expired", "debt_paid", "state"),
)
ASKED = ("reason", "reference", "idempotency_key", "fingerprint", "actor", "metadata", "created_at")
HOLD = ("account_id", "amount", "captured", "status", "expires_at", "grant_id", "entry_id", *ASKED)
HELD = ("amount", "captured", "status", "grant_id", "entry_id", "seal")

_ACCOUNT = Slot("account_id", BigIntegerField())
_MICRO = Slot("micro", BigIntegerField())
_NOW = Slot("now", DateTimeField())


def _accounts(using: str, **where: Any) -> Any:
    limits = SpendingLimit.objects.filter(account=OuterRef("pk"))
    accounts = locking(CreditAccount, using).annotate(limited=Exists(limits))
    return accounts.filter(**where).values_list(*ACCOUNT)


def _from_head(**moved_to: Any) -> Statement:
    """Take from the grant at the head, if it has more than that: no other row needs to be looked at."""
    where = {"pk": PK, "remaining__gt": _MICRO}
    return Statement(lambda using: updating(CreditGrant, where, {**moved_to, "remaining": F("remaining") - _MICRO}))


lock_by_owner = Statement(lambda using: _accounts(using, **slots(CreditAccount, "owner_id")))
lock_by_id = Statement(lambda using: _accounts(using, pk=PK))
# The hold is locked, too, after the account: else PostgreSQL, having waited, would give it as it was before.
lock_with_hold = Statement(
    lambda using: _accounts(using, pk=_ACCOUNT, holds__pk=PK).values_list(
        *ACCOUNT, *(f"holds__{name}" for name in HELD)
    )
)

lock_many = Statement(lambda using: _accounts(using, pk=PK).order_by("id"))
ids_by_owner = Statement(
    lambda using: CreditAccount.objects.filter(**slots(CreditAccount, "owner_id")).values_list("owner_id", "pk")
)

touch = Statement(lambda using: updating(CreditAccount, {"pk": 0}, {"sequence": F("sequence")}))

spend_from_head = _from_head()
hold_from_head = _from_head(held=F("held") + _MICRO)
spend_held = Statement(lambda using: updating(CreditGrant, {"pk": PK}, {"held": F("held") - _MICRO}))


def _open_grants(**where: Any) -> Any:
    return CreditGrant.objects.filter(account_id=PK, state=CreditGrant.State.OPEN, **where)


def _open_holds(**where: Any) -> Any:
    return Hold.objects.filter(account_id=PK, status=Hold.Status.OPEN, **where)


def _first_end(rows: Callable[..., Any]) -> Statement:
    return Statement(lambda using: rows(expires_at__gt=_NOW).order_by("expires_at").values_list("expires_at")[:1])


heads = Statement(lambda using: CreditGrant.objects.filter(pk=PK).values_list(*GRANT))
open_grants = Statement(lambda using: _open_grants().in_spending_order().values_list(*GRANT)[:PAGE])
due_grants = Statement(lambda using: _open_grants(expires_at__lte=_NOW).in_spending_order().values_list(*GRANT))
due_holds = Statement(lambda using: _open_holds(expires_at__lte=_NOW).values_list("id"))
first_ends = (_first_end(_open_grants), _first_end(_open_holds))

set_grant = Setting(CreditGrant, "remaining", "held", "revoked", "expired", "debt_paid", "state")

_TOTALS = ("balance", "held", "debt", "sequence", "modified")
set_account = Setting(CreditAccount, *_TOTALS, "head_grant_id", "next_expiry_at")
set_totals = Setting(CreditAccount, *_TOTALS)  # spares SQLite an index, which it writes even where nothing changes
set_hold = Setting(Hold, "amount", "captured", "status", "entry_id", "seal")

insert_grant = Statement(
    lambda using: inserting(CreditGrant, "account_id", *GRANT[1:], "entry_id", "created_at", "seal")
)
insert_entry = Statement(lambda using: inserting(LedgerEntry, *ENTRY, "seal"))
insert_hold = Statement(lambda using: inserting(Hold, *HOLD, "seal"))

totals_by_owner = Statement(
    lambda using: CreditAccount.objects.filter(**slots(CreditAccount, "owner_id")).values_list(*ACCOUNT[:-1])
)
totals_by_id = Statement(lambda using: CreditAccount.objects.filter(pk=PK).values_list(*ACCOUNT[:-1]))
