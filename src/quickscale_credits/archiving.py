"""Moving old entries to a file. What they come to stays, in `ArchivedEntries`, and the ledger is as exact as before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from quickscale_credits.analytics import rolling, rollups
from quickscale_credits.archives import ArchiveFile, NotCounted
from quickscale_credits.ledger import archiving
from quickscale_credits.ledger.locking import database
from quickscale_credits.ledger.stretches import filed
from quickscale_credits.models import Allocation, CreditAccount, Hold, HoldAllocation, LedgerEntry
from quickscale_credits.naming import unnamed

PAGE, NUMBERS = 500, 10_000
GOING = (LedgerEntry.Kind.SPEND, LedgerEntry.Kind.EXPIRY)
# Longer than a calendar month, the longest period of a spending limit but for the one without end.
YOUNGEST = timedelta(days=31)


def latest() -> datetime:
    """Entries from this moment on stay."""
    return timezone.now() - YOUNGEST


def archivable(before: datetime) -> QuerySet[LedgerEntry]:
    """Spends and expiries booked before, of which nothing is asked any more. Raises `NotCounted`.

    Those stay that have an idempotency key, that are not in the rollups, that any row names but their allocations and
    a captured hold which would go too, and the last entry of an account.
    """
    if rolling.usable_watermark(rollups.name) is None:
        raise NotCounted("Only entries that are added up are archived: run rollup_usage first.")
    old = LedgerEntry.objects.using(database()).filter(
        kind__in=GOING,
        idempotency_key=None,
        created_at__lt=before,
        sequence__lt=F("account__sequence"),
        sequence__lte=F("account__rollup_progress__sequence"),
    )
    holds = Hold.objects.using(database()).filter(entry=OuterRef("pk"), idempotency_key=None)
    settled = old.filter(Q(hold=None) | Exists(unnamed(holds, besides=[HoldAllocation])))
    return unnamed(settled, besides=[Allocation, Hold]).order_by("account_id", "sequence")


def expected(before: datetime) -> tuple[int, int]:
    """How many entries would go, and how many stretches of consecutive ones they are."""
    entries = stretches = 0
    for account in accounts(before):
        last = 0
        for sequence in _sequences(account, before):
            entries += 1
            stretches += sequence != last + 1
            last = sequence
    return entries, stretches


def _sequences(account: CreditAccount, before: datetime) -> Iterator[int]:
    rows, last = archivable(before).filter(account=account).values_list("sequence", flat=True), 0
    while page := list(rows.filter(sequence__gt=last)[:NUMBERS]):
        yield from page
        last = page[-1]


def accounts(before: datetime) -> Iterator[CreditAccount]:
    """Those that have something to archive."""
    rows = CreditAccount.objects.using(database()).order_by("pk")
    having = rows.filter(Exists(archivable(before).filter(account_id=OuterRef("pk")).order_by()))
    after = 0
    while page := list(having.filter(pk__gt=after)[:PAGE]):
        yield from page
        after = page[-1].pk


def archive(account: CreditAccount, before: datetime, file: ArchiveFile) -> Iterator[int]:
    """Yields how many entries went, page by page. May be stopped and run again, with another file.

    A page is on the disk before it is deleted, in one transaction that also leaves what stands for it. What two runs
    at once find is in both files, and goes once. Raises `LedgerDamaged` for an account that is not sound.
    """
    archiving.require_sound(account)
    entries, seen = archivable(before).filter(account=account), 0
    while page := list(entries.filter(sequence__gt=seen)[:PAGE]):
        going = filed(page, database())
        file.write(each.line for each in going)
        yield archiving.put_away(account.pk, going, lambda: archivable(before))
        seen = page[-1].sequence
