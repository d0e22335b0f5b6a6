"""Ends what nobody else will end: runs whose process died, and outputs kept only for a replay."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from quickscale_services import records
from quickscale_services.models import ServiceRun

BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Swept:
    runs_expired: int
    outputs_blanked: int


def sweep_runs() -> Swept:
    """Safe to run twice, and at once: each run is settled by one transaction of its own."""
    return Swept(runs_expired=_expire_lost_runs(), outputs_blanked=_blank_outputs())


def _expire_lost_runs() -> int:
    ids = list(ServiceRun.objects.lost().values_list("pk", flat=True))
    return sum(
        records.expire(run)
        for start in range(0, len(ids), BATCH)
        for run in ServiceRun.objects.filter(pk__in=ids[start : start + BATCH]).select_related("hold")
    )


def _blank_outputs() -> int:
    kept = ServiceRun.objects.filter(replay_until__lte=timezone.now())
    return kept.update(output=None, replay_until=None)
