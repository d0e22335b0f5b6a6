"""Adding payments up by day, currency and product.

What was counted of a payment is kept. Who changes a payment marks it (`PaymentQuerySet.count_anew`), which locks it;
the next run then takes off what was counted of it and counts it as it is. So late payments, refunds and disputes find
their day, whenever they turn up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet, Sum

from quickscale_billing.analytics import parts
from quickscale_billing.analytics.parts import Key, Numbers
from quickscale_billing.models import CountedSale, Payment, SalesRollup
from quickscale_credits.analytics import rolling
from quickscale_credits.analytics.merging import merge, summed
from quickscale_credits.analytics.periods import reporting_zone
from quickscale_credits.analytics.reading import as_date

PAGE = 2_000
ATTEMPTS = 3
KEY = ["day", "currency", "product"]
NUMBERS = list(SalesRollup.NUMBERS)


def roll_up_page(name: str, after: int) -> tuple[int, int] | None:
    """The last payment that was looked at, and how many were counted."""
    using = rolling.database()
    with transaction.atomic(using=using):
        rolling.locked_watermark(name)
        changed = Payment.objects.using(using).filter(is_counted=False, pk__gt=after).order_by("pk")
        page = list(changed.values_list("pk", flat=True)[:PAGE])
        if not page:
            return None
        # What somebody else changes just now is left for the next time.
        locked = list(changed.select_for_update(skip_locked=True).filter(pk__in=page).values_list("pk", flat=True))
        _take_off(CountedSale.objects.using(using).filter(payment__in=locked))
        _count(locked, using)
        Payment.objects.using(using).filter(pk__in=locked).update(is_counted=True)
    return page[-1], len(locked)


def forget_page(name: str, after: int) -> int | None:
    """The last payment that is counted no more."""
    using = rolling.database()
    with transaction.atomic(using=using):
        rolling.lock_watermark(name)
        page = _counted_after(after)
        if not page:
            return None
        Payment.objects.using(using).filter(pk__in=page).count_anew()
        _take_off(CountedSale.objects.using(using).filter(payment__in=page))
    return page[-1]


def forget_the_rest() -> None:
    """What somebody has counted meanwhile, and what is of no payment that counts it."""
    using = rolling.database()
    Payment.objects.using(using).filter(is_counted=True).count_anew()
    for model in (SalesRollup, CountedSale):
        model.objects.using(using).all().delete()


def _take_off(counted: QuerySet[CountedSale]) -> None:
    merge(_summed(counted, sign=-1), SalesRollup, key=KEY, added=NUMBERS)
    counted.delete()


def _count(payments: list[int], using: str) -> None:
    CountedSale.objects.using(using).bulk_create(
        CountedSale(
            payment_id=payment,
            day=day,
            currency=currency,
            product=product,
            **dict(zip(NUMBERS, numbers, strict=True)),
        )
        for (payment, day, currency, product), numbers in parts.of(payments, reporting_zone()).items()
    )
    merge(
        _summed(CountedSale.objects.using(using).filter(payment__in=payments), sign=1),
        SalesRollup,
        key=KEY,
        added=NUMBERS,
    )


def _summed(counted: QuerySet[CountedSale], *, sign: int) -> QuerySet[Any]:
    sums = {f"of_{name}": Sum(sign * F(name)) for name in NUMBERS}
    grouped: QuerySet[Any] = counted.order_by().values(*KEY).annotate(**sums)
    return grouped.values_list(*KEY, *sums)


def problems() -> Iterator[str]:
    """Sums that are not those of what was counted, and what was counted otherwise than it is."""
    found: list[str] = []
    for _ in range(ATTEMPTS):
        if not (found := list(_wrong_sums())):
            break
    yield from found
    after = 0
    while page := _counted_after(after):
        yield from _wrong_counts(page)
        after = page[-1]


def _wrong_sums() -> Iterator[str]:
    using = rolling.database()
    rows = [
        SalesRollup.objects.using(using).values_list(*KEY, *NUMBERS),
        _summed(CountedSale.objects.using(using).all(), sign=-1),
    ]
    for day, currency, product, *over in summed(rows, by=KEY, sums=[f"SUM({name})" for name in NUMBERS]):
        if any(over):
            told = ", ".join(f"{name} {int(more):+}" for name, more in zip(NUMBERS, over, strict=True) if more)
            yield f"{as_date(day)} {currency} {product or 'no product'}: {told} against the payments that it counts"


def _counted_after(after: int) -> list[int]:
    counted = Payment.objects.using(rolling.database()).filter(is_counted=True, pk__gt=after)
    return list(counted.order_by("pk").values_list("pk", flat=True)[:PAGE])


def _wrong_counts(page: list[int]) -> Iterator[str]:
    """Looked at again, without those that are marked meanwhile."""
    wrong: set[int] = set(page)
    for _ in range(ATTEMPTS):
        counted = Payment.objects.using(rolling.database()).filter(is_counted=True, pk__in=wrong)
        has, is_so = _has(wrong), parts.of(list(wrong), reporting_zone())
        wrong = {key[0] for key in has.keys() | is_so.keys() if has.get(key) != is_so.get(key)}
        wrong &= set(counted.values_list("pk", flat=True))
        if not wrong:
            return
    for pk in sorted(wrong):
        yield f"payment {pk}: counted otherwise than it is"


def _has(payments: set[int]) -> dict[Key, Numbers]:
    rows = CountedSale.objects.using(rolling.database()).filter(payment__in=payments)
    return {tuple(row[:4]): tuple(row[4:]) for row in rows.values_list("payment", *KEY, *NUMBERS)}
