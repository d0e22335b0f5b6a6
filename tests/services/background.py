"""A worker without a queue, for the tests of runs in the background."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from quickscale_credits import ledger
from quickscale_services import queueing
from quickscale_services.models import ServiceRun


def worked_off(run: ServiceRun) -> ServiceRun:
    """As a worker does it: what is known of the run is in its row."""
    queueing.execute(run.pk, run.attempts)
    return ServiceRun.objects.get(pk=run.pk)


def held(owner: Any) -> Decimal:
    return ledger.balance(owner).held


def failing(*errors: BaseException) -> Callable[[Any], str]:
    """Raises these, one in each attempt, and then succeeds."""
    left = list(errors)

    def work(context: Any) -> str:
        if left:
            raise left.pop(0)
        return "done"

    return work
