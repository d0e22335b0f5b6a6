"""Giving runs to the queue: when they are enqueued, before a retry, and once more where their task seems to be lost."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import connections, transaction
from django.utils.translation import gettext as _

from quickscale_credits.ledger.joining import database
from quickscale_services import background_records, engines, records
from quickscale_services.exceptions import QueueUnavailable

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.models import ServiceRun

logger = logging.getLogger("quickscale_services")


def hand_over_on_commit(run: ServiceRun, service: BaseService) -> None:
    """Raises `QueueUnavailable` where there is no commit to wait for."""
    using = database()
    if not connections[using].get_autocommit():
        # After the caller's commit nothing is raised: that would keep the caller's other callbacks from being called.
        transaction.on_commit(partial(hand_over, run, service), using=using)
    elif not hand_over(run, service):
        raise QueueUnavailable(_("The queue did not take the run; nothing was charged."), run)


def hand_over(run: ServiceRun, service: BaseService) -> bool:
    """False if the engine does not take it; then the run has failed."""
    is_taken = _is_taken(run, service)
    if not is_taken:
        records.fail(run, "queue_unavailable")
    return is_taken


def hand_over_retry(run: ServiceRun, service: BaseService, delay: timedelta) -> None:
    """If the engine does not take it, the run waits: the sweep hands it over again."""
    _is_taken(run, service, delay)


def hand_over_again(run: ServiceRun, service: BaseService) -> bool:
    """For a run that no worker has begun, though it could. If the engine does not take it, it waits for the next time.

    False if another process has handed it over meanwhile, too. A task that was not lost after all does no harm: of two,
    one begins.
    """
    return background_records.claim_hand_over(run, service) and _is_taken(run, service)


def _is_taken(run: ServiceRun, service: BaseService, delay: timedelta = timedelta(0)) -> bool:
    try:
        engines.require()(str(run.pk), run.attempts, queue=service.queue, delay=delay)
    except Exception:  # whatever the engine raises
        logger.exception("Run %s of %s could not be handed to the queue.", run.pk, service.name)
        return False
    return True
