"""What a program is told while a run streams."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest

from quickscale_credits import ledger
from quickscale_credits.amounts import from_micro, sum_to_micro
from quickscale_services.api import schemas
from quickscale_services.api.auth import Caller
from quickscale_services.api.errors import problem
from quickscale_services.api.rendering import credits_text
from quickscale_services.base import ServiceResult


@dataclass(frozen=True, kw_only=True)
class ProgramTeller:
    request: HttpRequest
    caller: Caller

    def piece(self, piece: Any) -> Any:
        return piece

    def result(self, result: ServiceResult) -> Any:
        return outcome(result, self.caller)

    def error(self, error: Exception) -> Any:
        return problem(self.request, error)


def outcome(result: ServiceResult, caller: Caller) -> schemas.Outcome:
    """What is made as its schema here need not be validated, which costs a twentieth of a run."""
    return schemas.Outcome.model_construct(
        run=schemas.Run.of(result.run),
        cost=credits_text(result.cost),
        balance=credits_text(_available(result, caller)),
    )


def _available(result: ServiceResult, caller: Caller) -> Decimal:
    """As the capture left it; where this call has captured nothing, it is read."""
    hold = result.run.hold
    if hold is None or result.replayed:
        return ledger.balance(caller.owner).available
    return from_micro(sum_to_micro(hold.account.balance) - sum_to_micro(hold.account.held))
