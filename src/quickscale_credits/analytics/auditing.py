"""Comparing the rollups with the entries that they have counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db.models import F, QuerySet, Sum

from quickscale_credits.analytics import archived, rolling, rollups
from quickscale_credits.analytics.merging import summed
from quickscale_credits.analytics.reading import as_date
from quickscale_credits.models import (
    AccountRollup,
    ArchivedSum,
    CreditAccount,
    LedgerEntry,
    RollupProgress,
    UsageRollup,
)

ATTEMPTS = 3
ACCOUNTS = 1_000
Sums = dict[tuple[Any, ...], tuple[int, int]]


def problems() -> Iterator[str]:
    """Read again while a run of `rollup_usage` beside it moves them. Nothing is locked."""
    if rolling.usable_watermark(rollups.name) is None:
        return
    found: list[str] = []
    for _ in range(ATTEMPTS):
        before = _counted()
        found = list(_differences())
        if _counted() == before:
            break
    yield from found


def _counted() -> int:
    return RollupProgress.objects.using(rolling.database()).aggregate(sum=Sum("sequence"))["sum"] or 0


def _differences() -> Iterator[str]:
    using = rolling.database()
    kinds: Counter[tuple[Any, ...]] = Counter()
    for entries, gone, first, last in _pages(using):
        for key, sums in _expected_kinds(entries, gone).items():
            kinds[(*key, "count")] += sums[0]
            kinds[(*key, "amount")] += sums[1]
        yield from _account_differences(entries, gone, first, last)
    yield from _kind_differences(kinds, using)


def _pages(using: str) -> Iterator[tuple[QuerySet[LedgerEntry], QuerySet[ArchivedSum], int, int]]:
    """The counted entries of so many accounts at a time, those that were archived among them."""
    after = 0
    counted = LedgerEntry.objects.using(using).filter(sequence__lte=F("account__rollup_progress__sequence"))
    accounts = CreditAccount.objects.using(using).order_by("pk").values_list("pk", flat=True)
    while ids := list(accounts.filter(pk__gt=after)[:ACCOUNTS]):
        entries = counted.filter(account_id__gte=ids[0], account_id__lte=ids[-1])
        gone = archived.sums().filter(archive__account_id__gte=ids[0], archive__account_id__lte=ids[-1])
        yield entries, gone, ids[0], ids[-1]
        after = ids[-1]


def _expected_kinds(entries: QuerySet[LedgerEntry], gone: QuerySet[ArchivedSum]) -> Sums:
    by = ["of_day", "of_kind", "of_type", "of_reason"]
    parts = [*rollups.by_kind(entries), *archived.by_kind(gone)]
    rows = summed(parts, by=by, sums=["SUM(number)", "SUM(total)"])
    return {(as_date(day), *key): (int(count), int(micro)) for day, *key, count, micro in rows}


def _kind_differences(expected: Counter[tuple[Any, ...]], using: str) -> Iterator[str]:
    found: Counter[tuple[Any, ...]] = Counter()
    for day, kind, credit_type, reason, count, micro in summed(
        [UsageRollup.objects.using(using).values_list("day", "kind", "credit_type", "reason", "count", "amount")],
        by=["day", "kind", "credit_type", "reason"],
        sums=["SUM(count)", "SUM(amount)"],
    ):
        found[as_date(day), kind, credit_type, reason, "count"] += int(count)
        found[as_date(day), kind, credit_type, reason, "amount"] += int(micro)
    for key in sorted(expected.keys() | found.keys()):
        if expected[key] != found[key]:
            day, kind, credit_type, reason, what = key
            yield f"{day} {kind} {credit_type} {reason}: {what} {found[key]} instead of {expected[key]}"


def _account_differences(
    entries: QuerySet[LedgerEntry], gone: QuerySet[ArchivedSum], first: int, last: int
) -> Iterator[str]:
    rows = AccountRollup.objects.using(entries.db).filter(account_id__gte=first, account_id__lte=last)
    named = rows.annotate(of_span=F("span"), of_start=F("start"), number=F("spends"), total=F("spent"))
    found = _spends([named.values_list("of_span", "of_start", "account_id", "number", "total")])
    expected = _spends([*rollups.by_account(entries), *archived.by_account(gone)])
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            span, start, account = key
            yield f"account {account}, {span} {start}: {found.get(key)} instead of {expected.get(key)}"


def _spends(parts: list[QuerySet[Any]]) -> Sums:
    rows = summed(parts, by=["of_span", "of_start", "account_id"], sums=["SUM(number)", "SUM(total)"])
    return {(span, as_date(start), account): (int(spends), int(spent)) for span, start, account, spends, spent in rows}
