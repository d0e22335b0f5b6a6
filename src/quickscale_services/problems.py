"""What a person is told when a run is refused or fails, and the status and code that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from quickscale_credits.exceptions import IdempotencyConflict, InsufficientCredits, SpendingLimitExceeded
from quickscale_services.exceptions import (
    InvalidInput,
    QueueUnavailable,
    RateLimited,
    RunInProgress,
    ServiceDisabled,
    ServiceFailed,
    ServiceForbidden,
    ServiceTimeout,
)
from quickscale_services.pricing.words import in_credits

# The pages answer with the status, the HTTP API with the code as well.
ANSWERS: dict[type[Exception], tuple[int, str]] = {
    InsufficientCredits: (402, "insufficient_credits"),
    SpendingLimitExceeded: (403, "spending_limit_exceeded"),
    ServiceForbidden: (403, "service_forbidden"),
    RunInProgress: (409, "run_in_progress"),
    IdempotencyConflict: (409, "idempotency_conflict"),
    InvalidInput: (422, "invalid_input"),
    RateLimited: (429, "rate_limited"),
    ServiceFailed: (502, "service_failed"),
    ServiceDisabled: (503, "service_disabled"),
    QueueUnavailable: (503, "unavailable"),
    ServiceTimeout: (504, "service_timeout"),
}
ERRORS = tuple(ANSWERS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    status: int
    message: str
    lacks_credits: bool = False


def problem(error: Exception) -> Problem:
    status = next(status for kind, (status, _code) in ANSWERS.items() if isinstance(error, kind))
    if isinstance(error, InsufficientCredits):
        return Problem(status=status, message=_missing(error), lacks_credits=True)
    if isinstance(error, SpendingLimitExceeded):
        return Problem(status=status, message=_beyond(error))
    if isinstance(error, InvalidInput):
        return Problem(status=status, message=_("Please look at what is marked below. Nothing was charged."))
    return Problem(status=status, message=str(error))


def _missing(error: InsufficientCredits) -> str:
    rest = {name: _number(getattr(error, name)) for name in ("available", "shortfall")}
    amounts = rest | {"required": in_credits(error.required)}
    return (
        _("This run needs %(required)s and you have %(available)s: %(shortfall)s are missing.") % amounts
        + " "
        + _("Nothing was charged.")
    )


def _beyond(error: SpendingLimitExceeded) -> str:
    amounts = {
        "limit": in_credits(error.limit.amount),
        "period": error.limit.get_period_display(),
        "left": _number(max(error.limit.amount - error.spent, Decimal(0))),
        "required": in_credits(error.required),
    }
    return (
        _("You may spend %(limit)s %(period)s, of which %(left)s are left; this run needs %(required)s.") % amounts
        + " "
        + _("Nothing was charged.")
    )


def _number(amount: Decimal) -> str:
    return number_format(amount, use_l10n=True, force_grouping=True)
