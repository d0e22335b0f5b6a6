"""For the tests of host projects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from quickscale_credits import ledger
from quickscale_credits.ledger.locking import Owner
from quickscale_credits.ledger.requests import Amount
from quickscale_credits.models import LedgerEntry


def fund(owner: Owner, amount: Amount, **grant: Any) -> LedgerEntry:
    """Grant credits with the reason "test"; the keywords are those of `ledger.grant`."""
    return ledger.grant(owner, amount, **{"reason": "test"} | grant)


def assert_balance(owner: Owner, total: Amount) -> None:
    found, expected = ledger.balance(owner).total, Decimal(total)
    if found != expected:
        raise AssertionError(f"{owner} has {found} credits, not {expected}")


def assert_ledger_sound() -> None:
    """Every invariant holds in every account."""
    report = ledger.verify()
    if not report.ok:
        raise AssertionError("\n".join(map(str, report.problems)))
