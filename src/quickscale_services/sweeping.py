"""Ends what nobody else will end: runs whose process died, and outputs kept only for a replay; finds lost tasks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils import timezone

from quickscale_credits.exceptions import LedgerDamaged
from quickscale_services import records
from quickscale_services.handing_over import hand_over_again
from quickscale_services.models import RunQuerySet, ServiceRun
from quickscale_services.registry import registry

logger = logging.getLogger("quickscale_services")

BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    runs_expired: int
    runs_handed_over: int
    outputs_blanked: int


def sweep_runs() -> Swept:
    """Safe to run twice, and at once: each run is settled, or claimed, by one transaction of its own."""
    return Swept(
        runs_expired=sum(map(_is_expired, _each(ServiceRun.objects.lost()))),
        runs_handed_over=sum(map(_is_handed_over, _each(ServiceRun.objects.unbegun()))),
        outputs_blanked=_blank_outputs(),
    )


def _each(runs: RunQuerySet) -> Iterator[ServiceRun]:
    ids = list(runs.values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        yield from ServiceRun.objects.filter(pk__in=ids[start : start + BATCH]).select_related("hold")


def _is_expired(run: ServiceRun) -> bool:
    """The other runs must not wait until somebody has mended this one's account."""
    try:
        return records.expire(run)
    except LedgerDamaged:
        logger.exception("Run %s cannot be ended.", run.pk)
        return False


def _is_handed_over(run: ServiceRun) -> bool:
    """A service that this process does not know is left to one that does."""
    service = registry.get(run.service)
    return service is not None and hand_over_again(run, service)


def _blank_outputs() -> int:
    kept = ServiceRun.objects.filter(replay_until__lte=timezone.now())
    return kept.update(output=None, replay_until=None)
