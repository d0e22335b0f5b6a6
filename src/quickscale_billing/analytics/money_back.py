"""What went back of payments in a period."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from quickscale_billing.analytics import products
from quickscale_billing.analytics.products import Line
from quickscale_billing.analytics.sale import Sale
from quickscale_billing.models import Dispute, Refund
from quickscale_credits.analytics import Period, remembered

COLUMNS = ("at", "pk", "amount", "payment_id", "payment__amount", "payment__tax", "payment__currency", "of_plan")


@dataclass(frozen=True, kw_only=True)
class _Back:
    order: tuple[datetime, bool, int]
    amount: int
    payment: int
    paid: int
    tax: int
    currency: str
    plan: int | None

    @property
    def is_dispute(self) -> bool:
        return self.order[1]


@remembered
def went_back(period: Period) -> list[Sale]:
    """Each refund and lost dispute of the period, with the part of the tax in it, for each line of the payment.

    What went back of a payment is never more than was paid, and all of it takes all of the tax: so each is the
    difference of what had gone back after it and before it.
    """
    touched = _refunds().filter(period.within("created_at")), _lost().filter(_ended_in(period))
    is_touched = Q()
    for rows in touched:
        is_touched |= Q(payment__in=rows.order_by().values("payment"))
    by_payment: dict[int, list[_Back]] = defaultdict(list)
    for each in sorted(_backs(is_touched), key=lambda back: back.order):
        by_payment[each.payment].append(each)
    bought = products.bought(is_touched)
    return [sale for pk, backs in by_payment.items() for sale in _parts(backs, bought.get(pk, []), period)]


def _refunds() -> QuerySet[Refund]:
    return Refund.objects.standing().exclude(status=Refund.Status.REQUESTED)


def _lost() -> QuerySet[Dispute]:
    return Dispute.objects.filter(status=Dispute.Status.LOST)


def _ended_in(period: Period) -> Q:
    """So that an index on either column serves."""
    return period.within("closed_at") | Q(closed_at=None) & period.within("opened_at")


def _backs(is_touched: Q) -> Iterator[_Back]:
    """Of each payment of which something went back in the period: all that ever did."""
    every: list[tuple[bool, QuerySet[Any]]] = [
        (False, _refunds().annotate(at=F("created_at"))),
        (True, _lost().annotate(at=Coalesce("closed_at", "opened_at"))),
    ]
    for is_dispute, rows in every:
        found = rows.filter(is_touched).order_by().annotate(of_plan=products.plan_of("payment__"))
        for at, pk, amount, payment, paid, tax, currency, plan in found.values_list(*COLUMNS):
            yield _Back(
                order=(at, is_dispute, pk),
                amount=amount,
                payment=payment,
                paid=paid,
                tax=min(tax, paid),
                currency=currency,
                plan=plan,
            )


def _parts(backs: list[_Back], bought: list[Line], period: Period) -> Iterator[Sale]:
    first, gone = backs[0], 0
    lines = products.whole(bought, amount=first.paid, tax=first.tax, plan=first.plan)
    for back in backs:
        before, gone = gone, min(back.paid, gone + back.amount)
        if lines and period.since <= back.order[0] < period.until:
            yield from _sales(back, lines, period, before=before, after=gone)


def _sales(back: _Back, lines: list[Line], period: Period, *, before: int, after: int) -> Iterator[Sale]:
    place = period.place(back.order[0].astimezone(period.zone).date())
    pairs = zip(lines, products.parts(lines, before), products.parts(lines, after), strict=True)
    for line, (gone_before, net_before), (gone, net_after) in pairs:
        net = net_after - net_before
        yield Sale(
            place=place,
            currency=back.currency,
            product=line.product,
            refunded=0 if back.is_dispute else net,
            disputed=net if back.is_dispute else 0,
            tax=net - (gone - gone_before),
        )
