"""Moving old runs to a file. Their sums stay, in `ArchivedRuns`; what they were charged stays in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from quickscale_credits.analytics import rolling
from quickscale_credits.analytics.merging import merge
from quickscale_credits.archives import ArchiveFile, NotCounted, as_line, columns_of
from quickscale_credits.models import Hold
from quickscale_credits.naming import unnamed
from quickscale_services.analytics import rollups
from quickscale_services.conf import conf
from quickscale_services.models import ArchivedRuns, RunInput, ServiceRun

BATCH = 500
KEY = ["day", "service", "account", "status", "error_code", "at_most"]
# What is younger may be credited back, counts for limits on rates, or is looked at again by the rollups.
YOUNGEST = timedelta(days=31)


def latest() -> datetime:
    """Runs from this moment on stay."""
    return timezone.now() - max(YOUNGEST, conf.REPLAY_WINDOW)


def archivable(before: datetime) -> QuerySet[ServiceRun]:
    """Runs that ended before, and of which nothing is asked any more. Raises `NotCounted`.

    Those stay whose output is kept for a replay, whose hold is open, which are not in a closed day of the rollups, and
    which a row of a host's app names. A run that goes takes its idempotency key with it.
    """
    watermark = rolling.usable_watermark(rollups.name)
    if watermark is None or watermark.closed_until is None:
        raise NotCounted("Only runs that are added up are archived: run rollup_usage first.")
    end = min(before, rollups.midnight(watermark.closed_until))
    ended = rollups.runs().exclude(status__in=ServiceRun.UNDER_WAY)
    old = ended.filter(created_at__lt=end, finished_at__lt=before, replay_until=None)
    is_settled = Q(hold=None) | ~Q(hold__status=Hold.Status.OPEN)
    return unnamed(old.filter(is_settled), besides=[RunInput]).order_by("created_at", "pk")


def archive(before: datetime, file: ArchiveFile) -> Iterator[int]:
    """Yields how many runs went, batch by batch. May be stopped and run again, with another file.

    A batch is on the disk before it is deleted, in one transaction that also keeps its sums. What two runs at once find
    is in both files, and is counted once.
    """
    seen: tuple[datetime, UUID] | None = None
    while batch := list(_after(archivable(before), seen)[:BATCH]):
        file.write(as_line(columns_of(run)) for run in batch)
        yield _remove([run.pk for run in batch], before)
        seen = batch[-1].created_at, batch[-1].pk


def _after(runs: QuerySet[ServiceRun], seen: tuple[datetime, UUID] | None) -> QuerySet[ServiceRun]:
    if seen is None:
        return runs
    moment, pk = seen
    return runs.filter(Q(created_at__gt=moment) | Q(created_at=moment, pk__gt=pk))


def _remove(ids: list[UUID], before: datetime) -> int:
    """While the watermark is locked, nobody counts runs or takes them away."""
    with transaction.atomic(using=rolling.database()):
        rolling.locked_watermark(rollups.name)
        still = list(archivable(before).filter(pk__in=ids).values_list("pk", flat=True))
        if still:  # else somebody else was here first
            going = rollups.runs().filter(pk__in=still)
            merge(rollups.to_archive(going), ArchivedRuns, key=KEY, added=rollups.NUMBERS)
            going.delete()
        return len(still)
