"""Taking entries away that are in a file, and leaving what stands for them: the one place that deletes any."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db.models import Model, QuerySet

from quickscale_credits.analytics import rolling, rollups
from quickscale_credits.exceptions import LedgerDamaged
from quickscale_credits.ledger.locking import Tx, lock_rows, transact
from quickscale_credits.ledger.stretches import Filed, stretches
from quickscale_credits.ledger.verifying import verify_each
from quickscale_credits.models import (
    Allocation,
    ArchivedSum,
    CreditAccount,
    Hold,
    HoldAllocation,
    LedgerEntry,
)


def require_sound(account: CreditAccount) -> None:
    """What is damaged must be seen by verification as it is. Raises `LedgerDamaged`."""
    for _, problems in verify_each([account]):
        if problems:
            raise LedgerDamaged(f"Account {account.pk} is not sound ({problems[0].code}): run verify_ledger.")


def put_away(account_id: int, entries: Sequence[Filed], archivable: Callable[[], QuerySet[LedgerEntry]]) -> int:
    """Those of these entries that are still archivable, once the account is locked; returns how many these were.

    While the watermark is locked, too, nobody counts entries for the rollups. Others lock it before any account.
    """

    def work(tx: Tx) -> int:
        rolling.locked_watermark(rollups.name)
        lock_rows(tx, [account_id])
        still = set(archivable().filter(pk__in=[each.entry.pk for each in entries]).values_list("pk", flat=True))
        going = [each for each in entries if each.entry.pk in still]
        _leave_sums(going, tx.using)
        _delete([each.entry.pk for each in going], tx.using)
        return len(going)

    return transact(work)


def _leave_sums(entries: Sequence[Filed], using: str) -> None:
    for archive, sums in stretches(entries):
        archive.save(using=using)
        for each in sums:
            each.archive = archive
        ArchivedSum.objects.using(using).bulk_create(sums)


def _delete(ids: list[int], using: str) -> None:
    """Past the models, which refuse; what a host's app may have named meanwhile, the database keeps."""
    for model, column in (
        (HoldAllocation, "hold__entry_id"),
        (Hold, "entry_id"),
        (Allocation, "entry_id"),
        (LedgerEntry, "pk"),
    ):
        rows: QuerySet[Model] = QuerySet(model, using=using)
        rows.filter(**{f"{column}__in": ids})._raw_delete(using)
