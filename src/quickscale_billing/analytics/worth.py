"""What the credits that are left were sold for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Sum, When
from django.utils import timezone

from quickscale_billing.models import Fact, Purchase
from quickscale_billing.monthly import IN_A_MONTH
from quickscale_credits.amounts import from_micro, sum_to_micro
from quickscale_credits.analytics import remembered
from quickscale_credits.models import CreditGrant

GIVEN = (Fact.Kind.PERIOD, Fact.Kind.REFILL, Fact.Kind.UPGRADE)


@dataclass(frozen=True, kw_only=True)
class Worth:
    """`money` in minor units, each currency rounded once, half to even."""

    money: dict[str, int]
    known: Decimal
    unknown: Decimal


@remembered
def outstanding() -> Worth:
    money: dict[str, Fraction] = defaultdict(Fraction)
    known = 0
    for currency, price, micro in [*_of_packs(), *_of_refills()]:
        money[currency] += price * Fraction(micro, 10**6)
        known += micro
    every = _left(CreditGrant.objects.all(), "").aggregate(free=Sum("of_free"), kept=Sum("of_held"))
    total = sum_to_micro(every["free"]) + sum_to_micro(every["kept"])
    return Worth(
        money={currency: round(amount) for currency, amount in money.items()},
        known=from_micro(known),
        unknown=from_micro(total - known),
    )


def _of_packs() -> Iterator[tuple[str, Fraction, int]]:
    """Currency, minor units for a credit, and how many micro-credits are left."""
    names = ("currency", "amount", "tax", "quantity", "credits", "bonus_credits")
    grouped = _left(Purchase.objects.order_by(), "entry__grant__").values(*names)
    for currency, amount, tax, quantity, each, bonus, free, held in _summed(grouped, *names):
        price = Fraction(amount - tax) / Fraction(each * quantity + bonus)
        yield currency, price, sum_to_micro(free) + sum_to_micro(held)


def _of_refills() -> Iterator[tuple[str, Fraction, int]]:
    """From the grants to the entries that gave them: the other way, databases would read all entries."""
    names = [f"entry__fact__refill__period__{name}" for name in ("currency", "monthly", "credits", "refill_every")]
    given = CreditGrant.objects.filter(entry__fact__kind__in=GIVEN, entry__fact__refill__isnull=False).order_by()
    for currency, monthly, refill, every, free, held in _summed(_left(given, "").values(*names), *names):
        in_a_month = Fraction(refill) * IN_A_MONTH[every]
        price = monthly / in_a_month if in_a_month else Fraction(0)
        yield currency, price, sum_to_micro(free) + sum_to_micro(held)


def _left(rows: QuerySet[Any], grant: str) -> QuerySet[Any]:
    """Rows with grants of which something is free or held: `of_free` has not expired."""
    now = timezone.now()
    is_fresh = Q(**{f"{grant}expires_at__gt": now})
    is_left = Q(**{f"{grant}remaining__gt": 0}) & is_fresh | Q(**{f"{grant}held__gt": 0})
    left: QuerySet[Any] = rows.filter(is_left).annotate(
        of_free=Case(When(is_fresh, then=F(f"{grant}remaining")), default=0), of_held=F(f"{grant}held")
    )
    return left


def _summed(grouped: QuerySet[Any], *names: str) -> Iterator[tuple[Any, ...]]:
    counted = grouped.annotate(free=Sum("of_free"), kept=Sum("of_held"))
    found: Iterator[tuple[Any, ...]] = counted.values_list(*names, "free", "kept").iterator()
    return found
