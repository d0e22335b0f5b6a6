"""Payments of a period and what went back in it: by the rollups, and by the payments that they do not have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import BigIntegerField, CharField, DateField, F, Q, QuerySet, Value

from quickscale_billing.analytics import money_back, parts
from quickscale_billing.analytics.parts import Numbers
from quickscale_billing.analytics.sale import Product, Sale
from quickscale_billing.models import CountedSale, Payment, SalesRollup, TopUp
from quickscale_credits.analytics import Period, remembered, rolling
from quickscale_credits.analytics.merging import summed
from quickscale_credits.analytics.reading import NONE, as_date

WATERMARK = "sales"
PAGE = 2_000
COLUMNS = ("day", "currency", "product", *SalesRollup.NUMBERS, "of_payment")
Found = tuple[date, str, Product, Numbers]


@remembered
def sales(period: Period) -> list[Sale]:
    """By place, currency and product."""
    found: defaultdict[tuple[date, str, Product], Numbers] = defaultdict(lambda: (0, 0, 0, 0, 0, 0))
    for day, currency, product, numbers in _told(period):
        key = period.place(day), currency, product
        found[key] = parts.added(found[key], numbers)
    return [
        Sale(
            place=place,
            currency=currency,
            product=product,
            **dict(zip(SalesRollup.NUMBERS, numbers, strict=True)),
        )
        for (place, currency, product), numbers in found.items()
        if any(numbers)
    ]


@remembered
def topped_up(period: Period) -> int:
    """Payments for packs that were bought by themselves."""
    paid = Payment.objects.filter(period.within("paid_at"), amount__gt=0)
    return paid.filter(pk__in=TopUp.objects.values("purchase__payment")).count()


def _told(period: Period) -> Iterator[Found]:
    """The rollups without what has changed, and which payments are not counted, in one statement: what is counted
    meanwhile is in neither, or in both."""
    has_rollups = rolling.usable_watermark(WATERMARK) is not None
    rows = summed(
        [_counted(period, has_rollups), _outdated(period, has_rollups), _uncounted(period, has_rollups)],
        by=["day", "currency", "product", "of_payment"],
        sums=[f"SUM({name})" for name in SalesRollup.NUMBERS],
    )
    uncounted = []
    for day, currency, product, payment, *numbers in rows:
        if payment:
            uncounted.append(payment)
        else:
            yield as_date(day), currency, product, parts.added(map(int, numbers), (0, 0, 0, 0, 0, 0))
    for first in range(0, len(uncounted), PAGE):
        page = uncounted[first : first + PAGE]
        for (_payment, day, currency, product), told in parts.of(page, period.zone).items():
            if period.start <= day <= period.end:
                yield day, currency, product, told


def _counted(period: Period, has_rollups: bool) -> QuerySet[Any]:
    rows = SalesRollup.objects.using(rolling.database()).filter(_days(period) if has_rollups else NONE)
    return rows.annotate(of_payment=Value(0, output_field=BigIntegerField())).values_list(*COLUMNS)


def _outdated(period: Period, has_rollups: bool) -> QuerySet[Any]:
    """What the rollups have of payments that have changed, taken off."""
    rows = CountedSale.objects.using(rolling.database()).filter(_days(period) if has_rollups else NONE)
    taken_off = {f"less_{name}": -F(name) for name in SalesRollup.NUMBERS}
    changed = rows.filter(payment__is_counted=False).annotate(
        of_payment=Value(0, output_field=BigIntegerField()), **taken_off
    )
    return changed.values_list("day", "currency", "product", *taken_off, "of_payment")


def _uncounted(period: Period, has_rollups: bool) -> QuerySet[Any]:
    """Those of the period; where rollups have the others they are few, of whatever time."""
    payments = Payment.objects.using(rolling.database()).order_by()
    nothing = {f"no_{name}": Value(0, output_field=BigIntegerField()) for name in SalesRollup.NUMBERS}
    text = Value("", output_field=CharField())
    told = payments.filter(Q(is_counted=False) if has_rollups else _is_of(period)).annotate(
        of_day=Value(period.start, output_field=DateField()), of_currency=text, of_product=text, **nothing
    )
    return told.values_list("of_day", "of_currency", "of_product", *nothing, "pk")


def _is_of(period: Period) -> Q:
    is_of_period = period.within("paid_at")
    for touched in money_back.touched(period):
        is_of_period |= Q(pk__in=touched)
    return is_of_period


def _days(period: Period) -> Q:
    return Q(day__gte=period.start, day__lte=period.end)
