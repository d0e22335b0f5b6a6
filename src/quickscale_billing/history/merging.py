"""Several tables as one list, newest first, a page at a time: each is read from where the page before left it.

A cursor says for each table how far it was read, so that no page counts or skips rows, and ties are no matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Any, Final, TypeAlias

from django.db.models import Q, QuerySet

from quickscale_billing.history.rows import HistoryRow

PAGE_SIZE: Final = 50
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
CURSOR: Final = re.compile(r"([a-z])(\d{1,18})(?:\.(\d{1,18}))?")

Position: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One table. `at` is its column of time; without one it is read by the sequence of its rows."""

    letter: str
    rows: QuerySet[Any]
    tell: Callable[[Sequence[Any]], Iterable[HistoryRow]]
    at: str | None

    def newest(self, limit: int, before: Position | None) -> list[tuple[HistoryRow, str, Position]]:
        columns = ["sequence"] if self.at is None else [self.at, "pk"]
        rows = self.rows if before is None else self.rows.filter(self._before(before))
        found = list(rows.order_by(*(f"-{column}" for column in columns))[:limit])
        told = zip(self.tell(found), found, strict=True)
        return [(row, self.letter, self._position(each)) for row, each in told]

    def _position(self, row: Any) -> Position:
        if self.at is None:
            return (row.sequence,)
        return ((getattr(row, self.at) - EPOCH) // timedelta(microseconds=1), row.pk)

    def _before(self, position: Position) -> Q:
        if self.at is None:
            return Q(sequence__lt=position[0])
        moment = EPOCH + timedelta(microseconds=position[0])
        return Q(**{f"{self.at}__lt": moment}) | Q(**{self.at: moment, "pk__lt": position[1]})


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """`older` is the cursor of the page after this one; empty on the last."""

    rows: list[HistoryRow]
    older: str = ""

    def __iter__(self) -> Iterator[HistoryRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def page_of(streams: Iterable[Stream], *, before: str = "", limit: int = PAGE_SIZE) -> HistoryPage:
    """What is no cursor shows the first page."""
    streams = list(streams)
    positions = _read(before, streams)
    found = [stream.newest(limit + 1, positions.get(stream.letter)) for stream in streams]
    merged = list(islice(merge(*found, key=lambda each: each[0].at, reverse=True), limit + 1))
    positions.update({letter: position for _, letter, position in merged[:limit]})
    older = _written(positions) if len(merged) > limit else ""
    return HistoryPage(rows=[row for row, *_ in merged[:limit]], older=older)


def all_of(streams: Callable[[], Iterable[Stream]], *, at_once: int = 500) -> Iterator[HistoryRow]:
    """From the newest to the oldest, without holding them all."""
    page = page_of(streams(), limit=at_once)
    yield from page
    while page.older:
        page = page_of(streams(), before=page.older, limit=at_once)
        yield from page


def _written(positions: dict[str, Position]) -> str:
    return "~".join(f"{letter}{'.'.join(map(str, position))}" for letter, position in sorted(positions.items()))


def _read(cursor: str, streams: list[Stream]) -> dict[str, Position]:
    """Where each of these streams was left; nothing at all if one of them cannot be read."""
    timed = {stream.letter: stream.at is not None for stream in streams}
    found: dict[str, Position] = {}
    for part in filter(None, cursor.split("~")):
        match = CURSOR.fullmatch(part) if part.isascii() else None
        if match is None or match[1] not in timed or timed[match[1]] != (match[3] is not None):
            return {}
        position = tuple(int(each) for each in match.groups()[1:] if each is not None)
        if timed[match[1]] and not _is_a_time(position[0]):
            return {}
        found[match[1]] = position
    return found


def _is_a_time(microseconds: int) -> bool:
    try:
        EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return False
    return True
