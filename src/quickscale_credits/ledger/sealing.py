"""A digest of what never changes in a row, so that `verify` notices a row that was tampered with.

It is no secret: it shows an accident or a careless hand, not an attacker who knows how to compute it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from django.db.models import Model

from quickscale_credits.amounts import sum_to_micro

if TYPE_CHECKING:
    from quickscale_credits.models import ArchivedEntries, ArchivedSum

GRANT = ("account_id", "credit_type", "priority", "expires_at", "amount", "created_at")
ENTRY = (
    *("account_id", "sequence", "kind", "amount", "balance_after", "debt", "grant_id", "origin_id"),
    *("reason", "reference", "idempotency_key", "fingerprint", "actor", "metadata", "created_at"),
)
HOLD = (
    *("account_id", "amount", "expires_at", "grant_id"),
    *("reason", "reference", "idempotency_key", "fingerprint", "actor", "metadata", "created_at"),
)
ARCHIVE = (
    *("account_id", "first_sequence", "last_sequence", "balance_before", "balance_after"),
    *("since", "until", "digest", "archived_at"),
)
ARCHIVED_SUM = ("day", "kind", "grant_id", "reason", "actor", "entries", "parts", "amount")

_PLAIN = {int, str, type(None)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Django's own JSON, of dumpdata, keeps no more.
_MILLISECOND = timedelta(milliseconds=1)


def seal(values: list[Any]) -> int:
    """A signed 64-bit digest of values in the order of `GRANT`, `ENTRY` or `HOLD`; amounts are micro-credits."""
    return digest([str(value) if type(value) in _PLAIN else _plain(value) for value in values])


def seal_of(row: Model, names: tuple[str, ...]) -> int:
    """The seal that this row should bear."""
    return seal(_values(row, names))


def seal_of_archive(archive: ArchivedEntries, sums: Iterable[ArchivedSum]) -> int:
    """The seal that the archive should bear: of its own columns, and of those of its sums in whatever order."""
    parts = sorted([str(value) for value in _values(each, ARCHIVED_SUM)] for each in sums)
    return seal([*_values(archive, ARCHIVE), *(text for part in parts for text in part)])


def _values(row: Model, names: tuple[str, ...]) -> list[Any]:
    values = [getattr(row, name) for name in names]
    return [sum_to_micro(value) if isinstance(value, Decimal) else value for value in values]


def digest(texts: list[str]) -> int:
    return int.from_bytes(blake2b("\x1f".join(texts).encode(), digest_size=8).digest(), signed=True)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return str((value - _EPOCH) // _MILLISECOND)
    if isinstance(value, dict):
        return json.dumps(_as_stored(value), sort_keys=True) if value else "{}"
    return str(value)


def _as_stored(value: Any) -> Any:
    """JSON as every database gives it back: some turn 1e16 and -0.0 into whole numbers."""
    if isinstance(value, dict):
        return {key: _as_stored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_stored(item) for item in value]
    return int(Decimal(repr(value))) if isinstance(value, float) and value.is_integer() else value
