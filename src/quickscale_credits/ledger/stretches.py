"""Entries that go to a file, and the rows that stay in the place of each stretch of them. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Any

from quickscale_credits.amounts import from_micro, sum_to_micro
from quickscale_credits.analytics.periods import reporting_zone
from quickscale_credits.archives import as_line, columns_of
from quickscale_credits.exceptions import LedgerDamaged
from quickscale_credits.ledger.pictures import Shares, with_shares
from quickscale_credits.ledger.sealing import seal_of_archive
from quickscale_credits.models import ArchivedEntries, ArchivedSum, Hold, LedgerEntry

Stretch = tuple[ArchivedEntries, list[ArchivedSum]]


@dataclass(frozen=True)
class Filed:
    """An entry as it stands in the file: a line with its allocations and with the hold that it captured."""

    entry: LedgerEntry
    shares: Shares
    line: str


def filed(entries: Sequence[LedgerEntry], using: str) -> list[Filed]:
    """Those of these entries that are still there when all that goes with them was read: else it may be in part."""
    rows = Hold.objects.using(using).filter(entry__in=[entry.pk for entry in entries]).prefetch_related("allocations")
    holds = {hold.entry_id: hold for hold in rows}
    booked = list(with_shares(entries, using))
    there = LedgerEntry.objects.using(using).in_bulk([entry.pk for entry in entries])
    return [_filed(entry, shares, holds.get(entry.pk)) for entry, shares in booked if entry.pk in there]


def _filed(entry: LedgerEntry, shares: Shares, hold: Hold | None) -> Filed:
    columns = columns_of(entry) | {"allocations": shares, "hold": None}
    if hold is not None:
        held = {part.grant_id: part.amount for part in hold.allocations.all()}
        columns["hold"] = columns_of(hold) | {"allocations": held}
    return Filed(entry, shares or _whole(entry), as_line(columns))


def _whole(entry: LedgerEntry) -> Shares:
    if entry.grant_id is None:
        raise LedgerDamaged(f"No grant has paid entry {entry.pk}: run verify_ledger.")
    return {entry.grant_id: -entry.amount}


def stretches(entries: Sequence[Filed]) -> Iterator[Stretch]:
    """One for each run of consecutive numbers among these entries of an account, which come in order."""
    for _, run in groupby(enumerate(entries), key=lambda each: each[1].entry.sequence - each[0]):
        yield _stretch([each for _, each in run])


def _stretch(entries: list[Filed]) -> Stretch:
    first, last = entries[0].entry, entries[-1].entry
    moments = [each.entry.created_at for each in entries]
    archive = ArchivedEntries(
        account_id=first.account_id,
        first_sequence=first.sequence,
        last_sequence=last.sequence,
        balance_before=first.balance_after - first.amount,
        balance_after=last.balance_after,
        since=min(moments),
        until=max(moments),
        digest=sha256("".join(each.line for each in entries).encode()).hexdigest(),
    )
    sums = _sums(entries)
    archive.seal = seal_of_archive(archive, sums)
    return archive, sums


def _sums(entries: list[Filed]) -> list[ArchivedSum]:
    zone, found = reporting_zone(), dict[tuple[Any, ...], list[int]]()
    for each in entries:
        entry = each.entry
        day = entry.created_at.astimezone(zone).date()
        for number, (grant_id, share) in enumerate(each.shares.items()):
            sums = found.setdefault((day, entry.kind, grant_id, entry.reason, entry.actor), [0, 0, 0])
            sums[0] += number == 0
            sums[1] += 1
            sums[2] -= sum_to_micro(share)
    return [
        ArchivedSum(
            **dict(zip(("day", "kind", "grant_id", "reason", "actor"), key, strict=True)),
            entries=entry_count,
            parts=parts,
            amount=from_micro(micro),
        )
        for key, (entry_count, parts, micro) in found.items()
    ]
