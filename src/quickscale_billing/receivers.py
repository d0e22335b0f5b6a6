"""What of the ledger concerns billing."""

from __future__ import annotations

from typing import Any

from quickscale_billing import clawing_back
from quickscale_credits.models import CreditAccount
from quickscale_credits.signals import hold_captured, hold_released


def connect() -> None:
    for signal in (hold_released, hold_captured):
        signal.connect(take_what_came_back, dispatch_uid="quickscale_billing.take_what_came_back")


def take_what_came_back(account: CreditAccount, **kwargs: Any) -> None:
    clawing_back.take_what_came_back(account)
