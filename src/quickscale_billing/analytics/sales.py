"""Payments of a period, and what went back in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Case, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Least

from quickscale_billing.models import CreditPack, Dispute, PaidSegment, Payment, Plan, Purchase, Refund
from quickscale_credits.analytics import Period, remembered

Product = tuple[int | None, int | None]  # the plan, the pack
LOST = Dispute.Status.LOST


@dataclass(frozen=True, kw_only=True)
class Sale:
    """Payments of a place, or (`number` 0) what went back in it, in minor units. `gross` and the rest are without tax;
    `tax` is below zero where it went back with a payment."""

    place: date
    currency: str
    product: Product
    number: int = 0
    gross: int = 0
    refunded: int = 0
    disputed: int = 0
    tax: int = 0

    @property
    def net(self) -> int:
        return self.gross - self.refunded - self.disputed


@remembered
def sales(period: Period) -> list[Sale]:
    rows = _grouped(period, {}).values_list("number_of_place", "currency", "number", "total", "of_tax")
    paid = [
        Sale(
            place=period.places[place],
            currency=currency,
            product=(None, None),
            number=number,
            gross=int(total - tax),
            tax=int(tax),
        )
        for place, currency, number, total, tax in rows
    ]
    return [*paid, *went_back(period)]


@remembered
def sales_by_product(period: Period) -> list[Sale]:
    """Reads longer: what a payment was for is looked up."""
    rows = _grouped(period, _product("")).values_list(
        "number_of_place", "currency", "of_plan", "of_pack", "number", "total", "of_tax"
    )
    paid = [
        Sale(
            place=period.places[place],
            currency=currency,
            product=(plan, pack),
            number=number,
            gross=int(total - tax),
            tax=int(tax),
        )
        for place, currency, plan, pack, number, total, tax in rows
    ]
    return [*paid, *went_back(period)]


@remembered
def went_back(period: Period) -> list[Sale]:
    """Each refund and lost dispute of the period, with the part of the tax in it.

    What went back of a payment is never more than was paid, and all of it takes all of the tax: so each is the
    difference of what had gone back after it and before it.
    """
    by_payment: dict[int, list[_Back]] = defaultdict(list)
    for each in sorted(_backs(period), key=lambda back: back.order):
        by_payment[each.payment].append(each)
    return [sale for backs in by_payment.values() for sale in _parts(backs, period)]


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
def product_names() -> dict[Product, str]:
    plans = Plan.objects.order_by("position", "slug").values_list("pk", "name")
    packs = CreditPack.objects.order_by("position", "slug").values_list("pk", "name")
    return {(pk, None): name for pk, name in plans} | {(None, pk): name for pk, name in packs}


def _grouped(period: Period, by: dict[str, Any]) -> QuerySet[Any]:
    paid = Payment.objects.filter(period.within("paid_at"), amount__gt=0).order_by()
    grouped = paid.values("currency", number_of_place=place_number("paid_at", period), **by)
    counted: QuerySet[Any] = grouped.annotate(
        number=Sum(Value(1)), total=Sum("amount"), of_tax=Sum(Least(F("tax"), F("amount")))
    )
    return counted


def _product(payment: str) -> dict[str, Any]:
    """A payment counts under the last plan that its invoice pays, or under the first pack that was bought with it."""
    segments = PaidSegment.objects.filter(stripe_invoice_id=OuterRef(f"{payment}invoice__stripe_id"))
    purchases = Purchase.objects.filter(payment=OuterRef(f"{payment}pk")).order_by("pk")
    return {
        "of_plan": Subquery(segments.order_by("-starts_at", "-pk").values("plan")[:1]),
        "of_pack": Subquery(purchases.values("pack")[:1]),
    }


@dataclass(frozen=True, kw_only=True)
class _Back:
    order: tuple[datetime, bool, int]
    is_dispute: bool
    amount: int
    payment: int
    paid: int
    tax: int
    currency: str
    product: Product


def _backs(period: Period) -> Iterator[_Back]:
    """Of each payment of which something went back in the period: all that ever did."""
    refunds: QuerySet[Any] = (
        Refund.objects.standing().exclude(status=Refund.Status.REQUESTED).annotate(at=F("created_at"))
    )
    lost: QuerySet[Any] = Dispute.objects.filter(status=LOST).annotate(at=Coalesce("closed_at", "opened_at"))
    touched = Q()
    for rows in (refunds, lost):
        touched |= Q(payment__in=rows.order_by().filter(period.within("at")).values("payment"))
    for is_dispute, rows in enumerate((refunds, lost)):
        columns = ("at", "pk", "amount", "payment_id", "payment__amount", "payment__tax", "payment__currency")
        found = rows.filter(touched).order_by().annotate(**_product("payment__"))
        for at, pk, amount, payment, paid, tax, currency, plan, pack in found.values_list(
            *columns, "of_plan", "of_pack"
        ):
            yield _Back(
                order=(at, bool(is_dispute), pk),
                is_dispute=bool(is_dispute),
                amount=amount,
                payment=payment,
                paid=paid,
                tax=min(tax, paid),
                currency=currency,
                product=(plan, pack),
            )


def _parts(backs: Iterable[_Back], period: Period) -> Iterator[Sale]:
    gone = 0
    for back in backs:
        before, gone = gone, min(back.paid, gone + back.amount)
        at = back.order[0]
        if not back.paid or not period.since <= at < period.until:
            continue
        net = _without_tax(gone, back) - _without_tax(before, back)
        yield Sale(
            place=period.place(at.astimezone(period.zone).date()),
            currency=back.currency,
            product=back.product,
            refunded=0 if back.is_dispute else net,
            disputed=net if back.is_dispute else 0,
            tax=net - (gone - before),
        )


def _without_tax(amount: int, back: _Back) -> int:
    return amount * (back.paid - back.tax) // back.paid
