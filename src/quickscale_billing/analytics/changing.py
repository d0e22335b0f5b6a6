"""Writing down once when the monthly value of each subscription changed, so that its segments need not be read again.

Who changes paid time marks the subscription's segments (`SegmentQuerySet.count_anew`), which locks them; the next run
writes it down as it is. Moments are exact, so that nothing here knows a time zone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, TypeAlias

from django.db import transaction
from django.db.models import F, QuerySet, Value

from quickscale_billing.analytics import spans
from quickscale_billing.models import PaidSegment, ValueChange
from quickscale_credits.analytics import rolling

PAGE = 500
ATTEMPTS = 3
# Of a subscription: account, currency, moment, and whether it is an open end.
Key: TypeAlias = tuple[int, int, str, datetime, bool]
COLUMNS = ("subscription_id", "account_id", "currency", "at", "is_open")


def roll_up_page(name: str, after: int) -> tuple[int, int] | None:
    """The last subscription that was looked at, and how many there were."""
    using = rolling.database()
    with transaction.atomic(using=using):
        rolling.locked_watermark(name)
        page = _next(after, is_counted=False)
        if not page:
            return None
        segments = PaidSegment.objects.using(using)
        # What somebody else changes just now keeps its mark, and so what is written of it is not read.
        locked = segments.select_for_update(skip_locked=True).filter(subscription__in=page)
        pks = list(locked.order_by("pk").values_list("pk", flat=True))
        _write(page, using)
        segments.filter(pk__in=pks).update(is_counted=True)
    return page[-1], len(page)


def forget_page(name: str, after: int) -> int | None:
    """The last subscription that is read from its segments again."""
    using = rolling.database()
    with transaction.atomic(using=using):
        rolling.lock_watermark(name)
        page = _next(after, is_counted=True)
        if not page:
            return None
        PaidSegment.objects.using(using).filter(subscription__in=page).count_anew()
        ValueChange.objects.using(using).filter(subscription__in=page).delete()
    return page[-1]


def forget_the_rest() -> None:
    """What somebody has written down meanwhile, and what is of no subscription that is counted."""
    using = rolling.database()
    PaidSegment.objects.using(using).filter(is_counted=True).count_anew()
    ValueChange.objects.using(using).all().delete()


def problems() -> Iterator[str]:
    """Looked at again, without those that are marked meanwhile."""
    after = 0
    while page := _next(after, is_counted=True):
        after, wrong = page[-1], set(page)
        for _ in range(ATTEMPTS):
            wrong = _wrong(wrong) - set(spans.uncounted().filter(subscription__in=wrong).values_list(flat=True))
        for pk in sorted(wrong):
            yield f"subscription {pk}: changes of its value are written down otherwise than they are"


def _next(after: int, *, is_counted: bool) -> list[int]:
    segments = PaidSegment.objects.using(rolling.database()).filter(is_counted=is_counted, subscription__gt=after)
    told = segments.order_by("subscription").values_list("subscription", flat=True).distinct()
    return list(told[:PAGE])


def _write(subscriptions: list[int], using: str) -> None:
    ValueChange.objects.using(using).filter(subscription__in=subscriptions).delete()
    ValueChange.objects.using(using).bulk_create(
        ValueChange(change=change, begins=begins, **dict(zip(COLUMNS, key, strict=True)))
        for key, (change, begins) in _changes(subscriptions).items()
    )


def _changes(subscriptions: Collection[int]) -> dict[Key, tuple[int, bool]]:
    """What ends when another begins at the same value is no change."""
    found: defaultdict[Key, tuple[int, bool]] = defaultdict(lambda: (0, False))
    for *key, change, begins in [*_begun(subscriptions), *_ended(subscriptions)]:
        subscription, account, currency, at, is_open = key
        before, had_begun = found[subscription, account, currency, at, is_open]
        found[subscription, account, currency, at, is_open] = before + change, had_begun or begins
    return {key: told for key, told in found.items() if told[0]}


def _begun(subscriptions: Collection[int]) -> QuerySet[Any]:
    rows: QuerySet[Any] = spans.beginnings(subscriptions).annotate(of_end=Value(False))
    return rows.values_list(*_of("begins_at", "of_end"), "monthly", "is_real")


def _ended(subscriptions: Collection[int]) -> QuerySet[Any]:
    rows: QuerySet[Any] = spans.endings(subscriptions).annotate(less=-F("monthly"), of_beginning=Value(False))
    return rows.values_list(*_of("stops_at", "is_open"), "less", "of_beginning")


def _of(at: str, is_open: str) -> tuple[str, ...]:
    return "subscription_id", "subscription__account_id", "currency", at, is_open


def _wrong(subscriptions: set[int]) -> set[int]:
    rows = ValueChange.objects.using(rolling.database()).filter(subscription__in=subscriptions)
    has = {tuple(row[:5]): tuple(row[5:]) for row in rows.values_list(*COLUMNS, "change", "begins")}
    is_so = _changes(subscriptions)
    return {key[0] for key in has.keys() | is_so.keys() if has.get(key) != is_so.get(key)}
