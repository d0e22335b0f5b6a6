"""Payments of a period and what went back in it: by the rollups, and by the payments that they do not have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from django.db.models import BigIntegerField, CharField, F, Q, QuerySet, Value

from quickscale_billing.analytics import money_back, parts
from quickscale_billing.analytics.parts import Numbers
from quickscale_billing.analytics.sale import Product, Sale
from quickscale_billing.models import CountedSale, Payment, SalesRollup, TopUp
from quickscale_credits.analytics import Period, remembered, rolling
from quickscale_credits.analytics.comparing import Compared
from quickscale_credits.analytics.memory import asked_about
from quickscale_credits.analytics.merging import summed
from quickscale_credits.analytics.reading import NONE

WATERMARK = "sales"
PAGE = 2_000
COLUMNS = ("number", "currency", "product", *SalesRollup.NUMBERS, "of_payment")
Key = tuple[Period, date, str, Product]  # its place is in the period


def sales(period: Period) -> list[Sale]:
    """By place, currency and product."""
    return [
        Sale(
            place=place,
            currency=currency,
            product=product,
            **dict(zip(SalesRollup.NUMBERS, numbers, strict=True)),
        )
        for (of, place, currency, product), numbers in _sums(Compared(asked_about(period))).items()
        if of == period and any(numbers)
    ]


@remembered
def _sums(compared: Compared) -> dict[Key, Numbers]:
    found: defaultdict[Key, Numbers] = defaultdict(lambda: (0, 0, 0, 0, 0, 0))
    for key, numbers in _told(compared):
        found[key] = parts.added(found[key], numbers)
    return dict(found)


@remembered
def topped_up(period: Period) -> int:
    """Payments for packs that were bought by themselves."""
    paid = Payment.objects.filter(period.within("paid_at"), amount__gt=0)
    return paid.filter(pk__in=TopUp.objects.values("purchase__payment")).count()


def _told(compared: Compared) -> Iterator[tuple[Key, Numbers]]:
    """The rollups without what has changed, and which payments are not counted, in one statement: what is counted
    meanwhile is in neither, or in both."""
    has_rollups, period = rolling.usable_watermark(WATERMARK) is not None, compared.whole
    rows = summed(
        [_counted(compared, has_rollups), _outdated(compared, has_rollups), _uncounted(period, has_rollups)],
        by=["number", "currency", "product", "of_payment"],
        sums=[f"SUM({name})" for name in SalesRollup.NUMBERS],
    )
    uncounted = []
    for number, currency, product, payment, *numbers in rows:
        if payment:
            uncounted.append(payment)
        else:
            yield (*compared.place(number), currency, product), parts.added(map(int, numbers), (0, 0, 0, 0, 0, 0))
    for first in range(0, len(uncounted), PAGE):
        page = uncounted[first : first + PAGE]
        for (_payment, day, currency, product), told in parts.of(page, period.zone).items():
            if period.start <= day <= period.end:
                yield (*compared.at(day), currency, product), told


def _counted(compared: Compared, has_rollups: bool) -> QuerySet[Any]:
    rows = SalesRollup.objects.using(rolling.database()).filter(_days(compared) if has_rollups else NONE)
    return _numbered(rows, compared).values_list(*COLUMNS)


def _outdated(compared: Compared, has_rollups: bool) -> QuerySet[Any]:
    """What the rollups have of payments that have changed, taken off. From these few payments to what is counted of
    them: the other way, SQLite may read all that is counted."""
    using = rolling.database()
    changed = Payment.objects.using(using).filter(is_counted=False).order_by().values("pk")
    rows = CountedSale.objects.using(using).filter(_days(compared) if has_rollups else NONE, payment__in=changed)
    taken_off = {f"less_{name}": -F(name) for name in SalesRollup.NUMBERS}
    less: QuerySet[Any] = _numbered(rows, compared).annotate(**taken_off)
    return less.values_list("number", "currency", "product", *taken_off, "of_payment")


def _numbered(rows: QuerySet[Any], compared: Compared) -> QuerySet[Any]:
    told: QuerySet[Any] = rows.annotate(
        number=compared.number_of_day("day"), of_payment=Value(0, output_field=BigIntegerField())
    )
    return told


def _uncounted(period: Period, has_rollups: bool) -> QuerySet[Any]:
    """Those of the period; where rollups have the others they are few, of whatever time."""
    payments = Payment.objects.using(rolling.database()).order_by()
    nothing = {f"no_{name}": Value(0, output_field=BigIntegerField()) for name in SalesRollup.NUMBERS}
    text = Value("", output_field=CharField())
    told = payments.filter(Q(is_counted=False) if has_rollups else _is_of(period)).annotate(
        of_number=Value(0), of_currency=text, of_product=text, **nothing
    )
    return told.values_list("of_number", "of_currency", "of_product", *nothing, "pk")


def _is_of(period: Period) -> Q:
    is_of_period = period.within("paid_at")
    for touched in money_back.touched(period):
        is_of_period |= Q(pk__in=touched)
    return is_of_period


def _days(compared: Compared) -> Q:
    return Q(day__gte=compared.start, day__lte=compared.period.end)
