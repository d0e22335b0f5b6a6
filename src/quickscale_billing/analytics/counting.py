"""Numbers of subscriptions, trials, invoices and users."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Case, Count, Exists, F, OuterRef, Q, Sum, When

from quickscale_billing.models import Invoice, PaidSegment, Plan, PlanSubscription
from quickscale_credits.analytics import Period, remembered
from quickscale_credits.analytics.reading import as_date

IS_PAID = Q(status=Invoice.Status.PAID)
HAS_FAILED = Q(attempts__gt=1) | (Q(attempts=1) & ~IS_PAID)


@dataclass(frozen=True, kw_only=True)
class Failures:
    place: date
    currency: str
    failed: int
    recovered: int
    missing: int


@remembered
def statuses() -> dict[str, int]:
    counted = PlanSubscription.objects.order_by().values("status").annotate(number=Count("pk"))
    return dict(counted.values_list("status", "number"))


def plans() -> dict[str, int]:
    """Those for sale, and those that somebody still has."""
    live = Count("prices__subscriptions", filter=Q(prices__subscriptions__status__in=PlanSubscription.LIVE))
    found: Counter[str] = Counter()
    for name, is_active, number in Plan.objects.annotate(live=live).values_list("name", "is_active", "live"):
        if is_active or number:
            found[name] += number
    return dict(found)


def trials(period: Period) -> tuple[int, int]:
    """How many ended, and how many of them were paid for."""
    is_paid = Exists(PaidSegment.objects.filter(subscription=OuterRef("pk")))
    ended = PlanSubscription.objects.filter(period.within("trial_end")).annotate(is_paid=is_paid).order_by()
    found = dict(ended.values("is_paid").annotate(number=Count("pk")).values_list("is_paid", "number"))
    return sum(found.values()), found.get(True, 0)


@remembered
def failures(period: Period) -> list[Failures]:
    invoices = Invoice.objects.filter(period.within("created_at")).filter(HAS_FAILED).order_by()
    grouped = invoices.values("currency", of_place=period.place_of("created_at")).annotate(
        failed=Count("pk"),
        recovered=Count("pk", filter=IS_PAID),
        missing=Sum(Case(When(IS_PAID, then=0), default=F("total") - F("tax"))),
    )
    return [
        Failures(place=as_date(place), currency=currency, failed=failed, recovered=recovered, missing=int(missing))
        for place, currency, failed, recovered, missing in grouped.values_list(
            "of_place", "currency", "failed", "recovered", "missing"
        )
    ]


def users(period: Period) -> tuple[int | None, int | None]:
    """At the end of the period, and new in it."""
    model = get_user_model()
    try:
        model._meta.get_field("date_joined")
    except FieldDoesNotExist:
        return model._default_manager.count(), None
    found = model._default_manager.filter(date_joined__lt=period.until).aggregate(
        total=Count("pk"), new=Count("pk", filter=Q(date_joined__gte=period.since))
    )
    return found["total"], found["new"]
