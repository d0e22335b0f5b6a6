"""How much of the money for a grant is still ours. A grant is worth that share of what it was sold as."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from django.db.models import Q, QuerySet

from quickscale_billing.models import Fact, PaidSegment, Payment, Refill
from quickscale_billing.periods import Period
from quickscale_credits.amounts import from_micro, to_micro


def share(amount: Decimal, kept: Fraction) -> Decimal:
    """Rounded down at the sixth place; of nothing kept, exactly nothing."""
    return from_micro(int(to_micro(amount) * kept))


def of_fact(fact: Fact) -> Fraction:
    """The bonus goes with the last of its money, everything else in proportion."""
    if fact.kind == Fact.Kind.PACK:
        return _kept(Payment.objects.filter(purchases__entry=fact.entry_id) if fact.entry_id else [])
    if fact.refill is not None:
        return of_refill(fact.refill)
    kept = of_invoice(fact.stripe_id)
    return Fraction(kept > 0) if fact.kind == Fact.Kind.BONUS else kept


def of_invoice(stripe_id: str) -> Fraction:
    return _kept(Payment.objects.filter(invoice__stripe_id=stripe_id))


def of_refill(refill: Refill) -> Fraction:
    """Each part of its time by the invoice that paid for it: an upgrade has one of its own."""
    weights = Period.of(refill.period).weights(refill)
    kept = {each.stripe_invoice_id: of_invoice(each.stripe_invoice_id) for each, _ in weights}
    whole = sum(weight for _, weight in weights)
    left = sum(kept[each.stripe_invoice_id] * weight for each, weight in weights)
    return Fraction(left, whole) if whole else Fraction(1)


def is_disputed(billed: PaidSegment) -> bool:
    """Whether a bank has money of this period while it looks into it."""
    invoices = _segments(billed).values("stripe_invoice_id")
    return Payment.objects.disputed().filter(invoice__stripe_id__in=invoices).exists()


def _segments(billed: PaidSegment) -> QuerySet[PaidSegment]:
    return PaidSegment.objects.filter(Q(pk=billed.pk) | Q(period=billed))


def _kept(payments: Iterable[Payment]) -> Fraction:
    """Of several payments together, each by its weight; without any, all."""
    found = list(payments)
    paid = sum(payment.amount for payment in found)
    return Fraction(paid - sum(payment.gone for payment in found), paid) if paid else Fraction(1)
