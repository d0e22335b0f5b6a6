"""What the references of entries and holds say to their owner, told by the app that wrote them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

from quickscale_credits.models import Hold, LedgerEntry

# The words for those of the references that the app knows; staff read the references themselves, in the admin.
Teller = Callable[[Collection[str]], Mapping[str, str]]
Row = TypeVar("Row", LedgerEntry, Hold)

_tellers: list[Teller] = []


def register(teller: Teller) -> None:
    if teller not in _tellers:
        _tellers.append(teller)


def told(rows: Iterable[Row]) -> list[Row]:
    """The rows with words in place of their references, for showing: in memory, never to be saved."""
    found = list(rows)
    references = {row.reference for row in found if row.reference}
    words: dict[str, str] = {}
    for teller in _tellers if references else []:
        words |= teller(references)
    for row in found:
        row.reference = words.get(row.reference, row.reference)
    return found
