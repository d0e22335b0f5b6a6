"""The ledger as rows for other programs, in the order of entries, without holding them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db.models import QuerySet

from quickscale_credits.ledger.pictures import Booked, Shares, with_shares
from quickscale_credits.models import ArchivedEntries, LedgerEntry
from quickscale_credits.querysets import ArchiveQuerySet
from quickscale_credits.spreadsheets import csv_lines

COLUMNS = (
    *("account_id", "sequence", "created_at", "kind", "amount", "balance_after", "debt", "grant_id", "origin_id"),
    *("reason", "reference", "idempotency_key", "actor", "metadata"),
)
PAGE = 2000
_columns = attrgetter(*COLUMNS)


def entries_between(
    *, account_id: int | None = None, since: datetime | None = None, until: datetime | None = None
) -> Iterator[Booked]:
    """From `since` on and before `until`; one account's by sequence, all accounts' by id."""
    entries = LedgerEntry.objects.all()
    if since is not None:
        entries = entries.filter(created_at__gte=since)
    if until is not None:
        entries = entries.filter(created_at__lt=until)
    if account_id is not None:
        return _paged(entries.filter(account_id=account_id), "sequence")
    return _paged(entries, "id")


def archived_between(
    *, account_id: int | None = None, since: datetime | None = None, until: datetime | None = None
) -> ArchiveQuerySet:
    """What stands for entries that are in files, of which some may belong between these moments."""
    archives = ArchivedEntries.objects.all()
    if since is not None:
        archives = archives.filter(until__gte=since)
    if until is not None:
        archives = archives.filter(since__lt=until)
    return archives if account_id is None else archives.filter(account_id=account_id)


def _paged(entries: QuerySet[LedgerEntry], key: str) -> Iterator[Booked]:
    """Each page a query of its own: MySQL's drivers fetch all of a query at once, and no cursor is left open."""
    last = 0
    while page := list(entries.filter(**{f"{key}__gt": last}).order_by(key)[:PAGE]):
        yield from with_shares(page, entries.db)
        last = getattr(page[-1], key)


def as_csv(entries: Iterator[Booked]) -> Iterator[str]:
    yield from csv_lines([(*COLUMNS, "allocations")])
    yield from csv_lines(map(_cell, _values(*each)) for each in entries)


def as_jsonl(entries: Iterator[Booked]) -> Iterator[str]:
    """A JSON object a line; amounts are strings, so that no reader rounds them."""
    for each in entries:
        row = dict(zip((*COLUMNS, "allocations"), _values(*each), strict=True))
        yield json.dumps(row, default=_plain, ensure_ascii=False) + "\n"


def _values(entry: LedgerEntry, shares: Shares) -> tuple[Any, ...]:
    parts = {grant_id: str(amount) for grant_id, amount in shares.items()}
    return (*_columns(entry), parts)


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return _plain(value) if isinstance(value, datetime) else value


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
