"""Lists, a page at a time: `?limit=` and an opaque `?cursor=` that names the last item seen."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet
from ninja import Query

from quickscale_credits.models import LedgerEntry
from quickscale_services.api.schemas import Page
from quickscale_services.exceptions import InvalidInput
from quickscale_services.models import ServiceRun

Row = TypeVar("Row")
Item = TypeVar("Item")

LONGEST_CURSOR = 200
Limit = Annotated[int, Query(ge=1, le=100, description="How many items at most.")]
Cursor = Annotated[str, Query(max_length=LONGEST_CURSOR, description="`next` of the page before.")]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The last moment that a datetime can say, and the last number that a BIGINT can.
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LARGEST = 2**63 - 1


def page(
    rows: Sequence[Row] | QuerySet[Any], limit: int, *, shown: Callable[[Row], Item], mark: Callable[[Row], str]
) -> Page[Item]:
    """`rows` begin after the cursor; `mark` says of a row what the cursor after it has to know."""
    found = list(rows[: limit + 1])
    seen = found[:limit]
    after = _encoded(mark(seen[-1])) if len(found) > limit else None
    return Page[Any](items=[shown(row) for row in seen], next=after)


def names_after(names: Sequence[str], cursor: str) -> list[str]:
    after = _decoded(cursor)
    return [name for name in names if name > after]


def runs_after(runs: QuerySet[ServiceRun], cursor: str) -> QuerySet[ServiceRun]:
    """Newest first."""
    if cursor:
        moment, run_id = _run_mark(_decoded(cursor))
        runs = runs.filter(Q(created_at__lt=moment) | Q(created_at=moment, id__lt=run_id))
    return runs.order_by("-created_at", "-id")


def run_mark(run: ServiceRun) -> str:
    return f"{(run.created_at - _EPOCH) // _MICROSECOND}:{run.pk}"


def entries_after(entries: QuerySet[LedgerEntry], cursor: str) -> QuerySet[LedgerEntry]:
    """Newest first."""
    if cursor:
        entries = entries.filter(sequence__lt=_number(_decoded(cursor), _LARGEST))
    return entries.order_by("-sequence")


def entry_mark(entry: LedgerEntry) -> str:
    return str(entry.sequence)


def _run_mark(text: str) -> tuple[datetime, UUID]:
    moment, _colon, run_id = text.partition(":")
    try:
        return _EPOCH + _number(moment, _LATEST) * _MICROSECOND, UUID(run_id)
    except ValueError:
        raise _unknown() from None


def _number(text: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= largest):
        raise _unknown()
    return int(text)


def _encoded(mark: str) -> str:
    return base64.urlsafe_b64encode(mark.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _unknown() from None


def _unknown() -> InvalidInput:
    message = "This cursor is not one that a list gave. Begin without a cursor."
    return InvalidInput([{"loc": ("query", "cursor"), "msg": message, "type": "cursor"}])
