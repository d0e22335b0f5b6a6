"""Payments of a period, and what went back in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Sum, Value, When
from django.db.models.functions import Least

from quickscale_billing.analytics import products
from quickscale_billing.analytics.money_back import went_back
from quickscale_billing.analytics.sale import UNKNOWN, Sale
from quickscale_billing.models import Payment, Purchase
from quickscale_credits.analytics import Period, remembered


@remembered
def sales(period: Period) -> list[Sale]:
    return [*_paid(period), *went_back(period)]


@remembered
def sales_by_product(period: Period) -> list[Sale]:
    """Packs by what each cost, plans by their invoices, and what neither accounts for; reads longer."""
    told = [*_packs(period), *_plans(period)]
    return [*told, *_rest(_paid(period), told), *went_back(period)]


@remembered
def topped_up(period: Period) -> int:
    """Payments for packs that were bought by themselves."""
    paid = Payment.objects.filter(period.within("paid_at"), amount__gt=0)
    return paid.filter(purchases__top_up__isnull=False).distinct().count()


def place_number(name: str, period: Period) -> Any:
    """Which of the places of the period the time in the column belongs to, by comparing: no database has to reckon
    with time zones, which is slow in SQLite."""
    bounds = [period.midnight(place) for place in period.places]

    def between(first: int, end: int) -> Any:
        if end - first == 1:
            return Value(first)
        middle = (first + end) // 2
        return Case(
            When(**{f"{name}__lt": bounds[middle]}, then=between(first, middle)),
            default=between(middle, end),
            output_field=IntegerField(),
        )

    return between(0, len(bounds))


@remembered
def _paid(period: Period) -> list[Sale]:
    paid = Payment.objects.filter(period.within("paid_at"), amount__gt=0).order_by()
    grouped = paid.values("currency", number_of_place=place_number("paid_at", period))
    return _sales(period, grouped, number=Count("pk"))


def _packs(period: Period) -> list[Sale]:
    bought = Purchase.objects.filter(period.within("payment__paid_at"), payment__amount__gt=0).order_by()
    grouped = bought.values("currency", number_of_place=place_number("payment__paid_at", period), of_pack=F("pack"))
    return _sales(period, grouped, number=Count("payment", distinct=True))


def _plans(period: Period) -> list[Sale]:
    invoiced = Payment.objects.filter(period.within("paid_at"), amount__gt=0, invoice__isnull=False, purchases=None)
    grouped = invoiced.order_by().values(
        "currency", number_of_place=place_number("paid_at", period), of_plan=products.plan_of("")
    )
    return _sales(period, grouped, number=Count("pk"))


def _sales(period: Period, grouped: Any, *, number: Count) -> list[Sale]:
    counted = grouped.annotate(number=number, total=Sum("amount"), of_tax=Sum(Least(F("tax"), F("amount"))))
    return [
        Sale(
            place=period.places[row["number_of_place"]],
            currency=row["currency"],
            product=(row.get("of_plan"), row.get("of_pack")),
            number=row["number"],
            gross=int(row["total"] - row["of_tax"]),
            tax=int(row["of_tax"]),
        )
        for row in counted
    ]


def _rest(paid: Iterable[Sale], told: Iterable[Sale]) -> list[Sale]:
    """Money of payments of which no row says what they were for."""
    left: dict[tuple[Any, str], Counter[str]] = {}
    for sign, rows in ((1, paid), (-1, told)):
        for row in rows:
            of_place = left.setdefault((row.place, row.currency), Counter())
            for name in ("number", "gross", "tax"):
                of_place[name] += sign * getattr(row, name)
    return [
        Sale(
            place=place,
            currency=currency,
            product=UNKNOWN,
            number=max(0, found["number"]),
            gross=found["gross"],
            tax=found["tax"],
        )
        for (place, currency), found in left.items()
        if found["gross"] or found["tax"]
    ]
