"""Adding a day's entries up once, so that reports need not read them again. Filled by a command, never by a verb."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from typing import Any

from django.db import router, transaction
from django.db.models import Count, F, QuerySet, Sum, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from quickscale_credits.fields import CreditField
from quickscale_credits.models import Allocation, LedgerEntry, RollupWatermark, UsageRollup

NAME = "usage"
PAGE = 20_000
# Ids are given before the commit: what is younger may still be joined by an entry with a lower id.
LAG = timedelta(minutes=5)


def roll_up() -> Iterator[int]:
    """Count the entries since the last time; yields how many there were, page by page.

    Each page is a transaction that locks the watermark, so it may be stopped, run again and run twice at once.
    """
    using = _made_ready()
    while count := _roll_up_page(using):
        yield count


def rebuild() -> Iterator[int]:
    """Forget all rollups and count from the first entry."""
    using = _made_ready()
    with transaction.atomic(using=using):
        watermark = _locked_watermark(using)
        UsageRollup.objects.using(using).all().delete()
        watermark.entry_id = 0
        watermark.save(using=using)
    yield from roll_up()


def _made_ready() -> str:
    """The database with the rollups, where the watermark is then there to be locked."""
    using = router.db_for_write(UsageRollup)
    RollupWatermark.objects.using(using).get_or_create(name=NAME)
    return using


def _roll_up_page(using: str) -> int:
    with transaction.atomic(using=using):
        watermark = _locked_watermark(using)
        ids = list(_settled_after(watermark.entry_id, using))
        if ids:
            for row in _sums(
                using, LedgerEntry.objects.using(using).filter(pk__gt=watermark.entry_id, pk__lte=ids[-1])
            ):
                _add(using, row)
            watermark.entry_id = ids[-1]
            watermark.save(using=using)
    return len(ids)


def _locked_watermark(using: str) -> RollupWatermark:
    return RollupWatermark.objects.using(using).select_for_update().get(name=NAME)


def _settled_after(last: int, using: str) -> Iterator[int]:
    """The ids of the next entries, up to the first young one; those after it may bear an earlier time."""
    now = timezone.now()
    entries = LedgerEntry.objects.using(using).filter(pk__gt=last).order_by("pk")
    for pk, created_at in entries.values_list("pk", "created_at")[:PAGE]:
        if now - LAG < created_at <= now:
            return
        yield pk


def _sums(using: str, entries: QuerySet[LedgerEntry]) -> Iterator[dict[str, Any]]:
    """By day, kind, type and reason. An entry that touches several grants counts once for each of them."""
    yield from _grouped(entries.filter(grant__isnull=False))
    parts = Allocation.objects.using(using).filter(entry__in=entries)
    yield from _grouped(parts.filter(entry__amount__gt=0), "entry__")
    for row in _grouped(parts.filter(entry__amount__lt=0), "entry__"):
        yield row | {"total": -row["total"]}


def _grouped(rows: QuerySet[Any], entry: str = "") -> Iterable[dict[str, Any]]:
    grouped: Iterable[dict[str, Any]] = rows.values(
        day=TruncDate(f"{entry}created_at", tzinfo=UTC),
        of_kind=F(f"{entry}kind"),
        of_type=F("grant__credit_type"),
        of_reason=F(f"{entry}reason"),
    ).annotate(rows=Count("pk"), total=Sum("amount"))
    return grouped


def _add(using: str, row: dict[str, Any]) -> None:
    rollup, _ = UsageRollup.objects.using(using).get_or_create(
        day=row["day"],
        kind=row["of_kind"],
        credit_type=row["of_type"],
        reason=row["of_reason"],
        defaults={"count": 0, "amount": 0},
    )
    UsageRollup.objects.using(using).filter(pk=rollup.pk).update(
        count=F("count") + row["rows"], amount=F("amount") + Value(row["total"], CreditField())
    )
