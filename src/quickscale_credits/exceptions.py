"""What can go wrong with credits. Every error is raised before the first write."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quickscale_credits.models import SpendingLimit

_EXACT = Context(prec=60)  # the host's own may round


class CreditsError(Exception):
    """Base of every error of the ledger."""


class InvalidAmount(CreditsError, ValueError):
    """Not an amount that the ledger can keep exactly."""


class InsufficientCredits(CreditsError):
    """`available` credits cannot cover `required`; `shortfall` are missing."""

    owner: Any = None

    def __init__(self, required: Decimal, available: Decimal) -> None:
        super().__init__(required, available)
        self.required = required
        self.available = available
        self.shortfall = _EXACT.subtract(required, available)

    def __str__(self) -> str:
        return f"{self.required} credits are required, {self.available} available: {self.shortfall} are missing."


class IdempotencyConflict(CreditsError):
    """The idempotency key was used before, for another request."""


class HoldClosed(CreditsError):
    """The hold was captured, released or has expired."""


class CaptureExceedsHold(CreditsError):
    """More was to be captured than the hold holds."""


class NotReversible(CreditsError):
    """The entry is no spend or revocation, or less of it is left than was to be reversed."""


class SpendingLimitExceeded(CreditsError):
    """`required` more credits would pass `limit`, of which `spent` are used in its period."""

    def __init__(self, limit: SpendingLimit, spent: Decimal, required: Decimal) -> None:
        super().__init__(limit, spent, required)
        self.limit = limit
        self.spent = spent
        self.required = required

    def __str__(self) -> str:
        return (
            f"The limit of {self.limit.amount} credits ({self.limit.get_period_display()}) leaves "
            f"{_EXACT.subtract(self.limit.amount, self.spent)}; {self.required} are required."
        )


class CodeNotRedeemable(CreditsError):
    """The code is unknown, used up or expired; which of them is not told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return "This code cannot be redeemed."


class LedgerDamaged(CreditsError):
    """Rows of an account do not agree with each other, so that nothing can be booked: `verify_ledger` says which."""


class AppendOnly(CreditsError):
    """Entries and allocations are never changed or deleted: book a correction instead."""
