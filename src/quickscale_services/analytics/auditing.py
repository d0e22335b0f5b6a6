"""Comparing the rollups of runs with the runs that they have counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import QuerySet

from quickscale_credits.analytics import rolling
from quickscale_credits.analytics.merging import summed
from quickscale_credits.analytics.reading import as_date
from quickscale_services.analytics import rollups
from quickscale_services.models import ServiceAccountRollup, ServiceRollup

ATTEMPTS = 3
Sums = dict[tuple[Any, ...], tuple[int, ...]]


def problems() -> Iterator[str]:
    """Read again while a run of `rollup_usage` beside it moves them. Nothing is locked."""
    found: list[str] = []
    for _ in range(ATTEMPTS):
        before = _closed_until()
        found = [] if before is None else list(_differences(before))
        if _closed_until() == before:
            break
    yield from found


def _closed_until() -> date | None:
    watermark = rolling.usable_watermark(rollups.name)
    return watermark.closed_until if watermark else None


def _differences(until: date) -> Iterator[str]:
    counted = rollups.runs().filter(created_at__lt=rollups.midnight(until))
    rows = ServiceRollup.objects.using(rolling.database()).values_list(*rollups.KEY, *rollups.NUMBERS)
    has = _sums([rows], rollups.KEY, rollups.NUMBERS)
    by = ["of_day", "service", "status", "error_code", "of_class"]
    numbers = ["number", "charged", "known", "charged_known", "provided"]
    gone = rollups.archived().filter(day__lt=until)
    parts = [rollups.by_day(counted, with_durations=True), rollups.archived_by_day(gone, with_durations=True)]
    yield from _compared(has, _sums(parts, by, numbers))
    accounts = ServiceAccountRollup.objects.using(rolling.database())
    expected = zip(rollups.by_account(counted), rollups.archived_by_account(gone), strict=True)
    for span, parts in zip((rollups.Span.DAY, rollups.Span.MONTH), map(list, expected), strict=True):
        spans = accounts.filter(span=span).values_list("start", "span", "service", "account_id", "runs", "cost")
        has = _sums([spans], ["start", "span", "service", "account_id"], ["runs", "cost"])
        yield from _compared(has, _sums(parts, ["of_start", "of_span", "service", "account_id"], ["number", "charged"]))


def _sums(parts: list[QuerySet[Any]], by: list[str], numbers: list[str]) -> Sums:
    """The key begins with a day."""
    found = summed(parts, by=by, sums=[f"SUM({each})" for each in numbers])
    return {(as_date(row[0]), *row[1 : len(by)]): tuple(int(number) for number in row[len(by) :]) for row in found}


def _compared(has: Sums, expected: Sums) -> Iterator[str]:
    for key in sorted(has.keys() | expected.keys()):
        if has.get(key) != expected.get(key):
            yield f"{' '.join(map(str, key))}: {has.get(key)} instead of {expected.get(key)}"
