"""What of the ledger concerns billing."""

from __future__ import annotations

from typing import Any

from quickscale_billing import charging, clawing_back
from quickscale_billing.mail import reminding
from quickscale_credits.models import CreditAccount
from quickscale_credits.signals import balance_low, credits_reversed, credits_spent, hold_captured, hold_released


def connect() -> None:
    for signal in (hold_released, hold_captured):
        signal.connect(take_what_came_back, dispatch_uid="quickscale_billing.take_what_came_back")
    for signal in (hold_released, hold_captured, credits_reversed):
        signal.connect(freeze_what_came_back, dispatch_uid="quickscale_billing.freeze_what_came_back")
    credits_spent.connect(top_up, dispatch_uid="quickscale_billing.top_up")
    balance_low.connect(reminding.tell_that_credits_are_low, dispatch_uid="quickscale_billing.credits_low")


def take_what_came_back(account: CreditAccount, **kwargs: Any) -> None:
    clawing_back.take_what_came_back(account)


def freeze_what_came_back(account: CreditAccount, **kwargs: Any) -> None:
    clawing_back.freeze_what_came_back(account)


def top_up(account: CreditAccount, **kwargs: Any) -> None:
    charging.after_spend(account)
