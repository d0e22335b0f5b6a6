"""Which credits are still owed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import accumulate

from django.db.models import Case, F, IntegerField, Q, Sum, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_credits.amounts import from_micro, sum_to_micro
from quickscale_credits.analytics import reading
from quickscale_credits.analytics.panel import Panel
from quickscale_credits.analytics.periods import Period
from quickscale_credits.analytics.shapes import Figure, Series, Unit
from quickscale_credits.models import CreditAccount, CreditGrant, CreditType, Hold, LedgerEntry

AGES = {
    30: _("Under 30 days"),
    90: _("30 to 89 days"),
    180: _("90 to 179 days"),
    365: _("180 to 364 days"),
    None: _("365 days and more"),
}
BY_AGE = _("Outstanding now, by age")
AgedCredits = dict[tuple[str, int | None], Decimal]


class Outstanding(Panel):
    key = "outstanding"
    title = _("Outstanding credits")

    def figures(self, period: Period) -> list[Figure]:
        before, flows = reading.balances(period)
        outstanding = before + sum((flow.amount for flow in flows), Decimal(0))
        spent = -sum((flow.amount for flow in flows if flow.kind == LedgerEntry.Kind.SPEND), Decimal(0))
        return [
            Figure(
                key="outstanding",
                label=_("Outstanding"),
                value=outstanding,
                unit=Unit.CREDITS,
                is_good_when_up=None,
                definition=_(
                    "Sum of all entries up to the end of the period: what all balances together were then, held "
                    "credits among them and debts subtracted. Credits that are due to expire count until "
                    "expire_credits has booked it."
                ),
            ),
            Figure(
                key="runway",
                label=_("Runway in days"),
                value=(outstanding * period.days / spent).quantize(Decimal("0.1")) if spent else None,
                is_good_when_up=None,
                definition=_(
                    "Outstanding ÷ (Spent ÷ days of the period): how long what is outstanding lasts at this pace. "
                    "Leaves out what will be granted or will expire. Unknown where nothing was spent."
                ),
            ),
            _held(),
            _debt(),
        ]

    def series(self, period: Period) -> list[Series]:
        before, flows = reading.balances(period)
        changes = reading.by_place(period, ((flow.day, flow.amount) for flow in flows))
        totals = list(accumulate(changes.values(), initial=before))[1:]
        over_time = Series(
            key="outstanding",
            label=_("Outstanding"),
            chart=_("Outstanding at the end"),
            unit=Unit.CREDITS,
            points=dict(zip(changes, totals, strict=True)),
            is_line=True,
        )
        return [over_time, *_by_age(aged())]


def _held() -> Figure:
    held = Hold.objects.open().aggregate(sum=Sum("amount"))["sum"]
    return Figure(
        key="held",
        label=_("Held now"),
        value=from_micro(sum_to_micro(held)),
        unit=Unit.CREDITS,
        is_compared=False,
        definition=_(
            "Sum of the holds that are open now, frozen grants among them, whatever the period. Leaves out holds whose "
            "time is over."
        ),
    )


def _debt() -> Figure:
    debt = CreditAccount.objects.aggregate(sum=Sum("debt"))["sum"]
    return Figure(
        key="debt",
        label=_("Debt now"),
        value=from_micro(sum_to_micro(debt)),
        unit=Unit.CREDITS,
        is_compared=False,
        definition=_(
            "Sum of what accounts owe after revocations, now, whatever the period. It is subtracted in Outstanding."
        ),
    )


def aged() -> AgedCredits:
    """What is left now, free or held, by type and by the age of its grant: under so many days, None for older."""
    now = timezone.now()
    cases = [When(created_at__gt=now - timedelta(days=days), then=Value(days)) for days in AGES if days]
    is_left = Q(remaining__gt=0, expires_at__gt=now) | Q(held__gt=0)
    is_free = When(expires_at__gt=now, then=F("remaining"))
    grants = CreditGrant.objects.filter(is_left).order_by()
    grouped = grants.values("credit_type", age=Case(*cases, default=None, output_field=IntegerField()))
    left = grouped.annotate(free=Sum(Case(is_free, default=0)), held=Sum("held"))
    return {
        (credit_type, age): from_micro(sum_to_micro(free) + sum_to_micro(held))
        for credit_type, age, free, held in left.values_list("credit_type", "age", "free", "held")
    }


def _by_age(left: AgedCredits) -> list[Series]:
    return [
        Series(
            key=f"age-{credit_type}",
            label=CreditType(credit_type).label,
            chart=BY_AGE,
            definition=_(
                "What is free or held on grants now, by the time since it was granted. Leaves out what has expired, "
                "booked or not, and does not subtract debts. What was transferred, or came back to a new grant, is as "
                "old as that grant."
            ),
            unit=Unit.CREDITS,
            points={str(label): left.get((credit_type, age), Decimal(0)) for age, label in AGES.items()},
            is_stacked=True,
        )
        for credit_type in CreditType.values
    ]
