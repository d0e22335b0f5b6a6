"""What went back of payments: refunds that stand, and disputes that were lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from quickscale_billing.models import Dispute, Refund
from quickscale_credits.analytics import Period, rolling


@dataclass(frozen=True, kw_only=True, slots=True)
class Back:
    at: datetime
    is_dispute: bool
    pk: int
    amount: int

    @property
    def order(self) -> tuple[datetime, bool, int]:
        return self.at, self.is_dispute, self.pk


def of(payments: Collection[int]) -> dict[int, list[Back]]:
    """All that ever went back of each of these, in order."""
    found: dict[int, list[Back]] = defaultdict(list)
    every: list[tuple[bool, QuerySet[Any]]] = [
        (False, _refunds().annotate(at=F("created_at"))),
        (True, _lost().annotate(at=Coalesce("closed_at", "opened_at"))),
    ]
    for is_dispute, rows in every:
        told = rows.filter(payment__in=payments).order_by().values_list("payment", "at", "pk", "amount")
        for payment, at, pk, amount in told:
            found[payment].append(Back(at=at, is_dispute=is_dispute, pk=pk, amount=amount))
    return {payment: sorted(backs, key=lambda back: back.order) for payment, backs in found.items()}


def touched(period: Period) -> list[QuerySet[Any]]:
    """The payments of which something went back in the period."""
    ended = period.within("closed_at") | Q(closed_at=None) & period.within("opened_at")
    rows: list[QuerySet[Any]] = [_refunds().filter(period.within("created_at")), _lost().filter(ended)]
    return [each.order_by().values("payment") for each in rows]


def _refunds() -> QuerySet[Refund]:
    return Refund.objects.using(rolling.database()).standing().exclude(status=Refund.Status.REQUESTED)


def _lost() -> QuerySet[Dispute]:
    return Dispute.objects.using(rolling.database()).filter(status=Dispute.Status.LOST)
