"""What a payment is in reports: a part for each product on the day on which it came, and on which some went back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from quickscale_billing.analytics import money_back, products
from quickscale_billing.analytics.money_back import Back
from quickscale_billing.analytics.products import Line
from quickscale_billing.analytics.sale import UNKNOWN, Product
from quickscale_billing.models import Payment
from quickscale_credits.analytics import rolling

# Payments, sales, gross, refunded, disputed, tax: as `SalesRollup.NUMBERS`.
Numbers: TypeAlias = tuple[int, int, int, int, int, int]
Key: TypeAlias = tuple[int, date, str, Product]  # of a payment: day, currency and product
Part: TypeAlias = tuple[datetime, Product, Numbers]


def of(payments: Collection[int], zone: ZoneInfo) -> dict[Key, Numbers]:
    """Of a page of payments. What cost nothing is none."""
    backs, bought = money_back.of(payments), products.bought(payments)
    paid = Payment.objects.using(rolling.database()).filter(pk__in=payments, amount__gt=0).order_by()
    told = paid.annotate(of_plan=products.plan_of_invoice())
    found: defaultdict[Key, Numbers] = defaultdict(lambda: (0, 0, 0, 0, 0, 0))
    for pk, at, amount, tax, currency, plan in told.values_list(
        "pk", "paid_at", "amount", "tax", "currency", "of_plan"
    ):
        lines = products.whole(bought.get(pk, []), amount=amount, tax=min(tax, amount), plan=plan)
        came = _arrived(lines, at, amount=amount, tax=min(tax, amount))
        for moment, product, numbers in [*came, *_went_back(lines, backs.get(pk, []), amount)]:
            key = pk, moment.astimezone(zone).date(), currency, product
            found[key] = added(found[key], numbers)
    return dict(found)


def added(one: Iterable[int], other: Iterable[int]) -> Numbers:
    payments, sales, gross, refunded, disputed, tax = map(sum, zip(one, other, strict=True))
    return payments, sales, gross, refunded, disputed, tax


def _arrived(lines: list[Line], at: datetime, *, amount: int, tax: int) -> Iterator[Part]:
    """With what its lines do not account for, or are too much, under no product."""
    seen: set[Product] = set()
    for line in lines:
        is_named = line.product not in seen and (line.product != UNKNOWN or not seen)
        yield at, line.product, (int(not seen), int(is_named), line.amount - line.tax, 0, 0, line.tax)
        seen.add(line.product)
        amount, tax = amount - line.amount, tax - line.tax
    if amount or tax:
        yield at, UNKNOWN, (0, 0, amount - tax, 0, 0, tax)


def _went_back(lines: list[Line], backs: Iterable[Back], amount: int) -> Iterator[Part]:
    """What went back of a payment is never more than was paid, and all of it takes all of the tax: so each is the
    difference of what had gone back after it and before it."""
    gone = 0
    for back in backs:
        before, gone = gone, min(amount, gone + back.amount)
        pairs = zip(lines, products.parts(lines, before), products.parts(lines, gone), strict=True)
        for line, (gone_before, net_before), (gone_after, net_after) in pairs:
            net = net_after - net_before
            refunded, disputed = (0, net) if back.is_dispute else (net, 0)
            yield back.at, line.product, (0, 0, 0, refunded, disputed, net - (gone_after - gone_before))
