"""The credits that payments gave, for many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from quickscale_billing.models import Fact, Payment, Purchase

BY_INVOICE = (Fact.Kind.UPGRADE, Fact.Kind.PERIOD, Fact.Kind.BONUS)
GIVEN_AND_TAKEN = ("entry__amount", "clawback__taken")


def credits_of(payments: Sequence[Payment]) -> dict[int, Decimal]:
    """By the payment's key: what it has given so far, less what was taken back with its money.

    A refill counts for the payment of its period, also where an upgrade within it had a part.
    """
    given: dict[int, Decimal] = defaultdict(Decimal)
    by_invoice = {each.invoice.stripe_id: each.pk for each in payments if each.invoice}
    for payment, amount, taken in _of_packs([each.pk for each in payments]):
        given[payment] += (amount or 0) - (taken or 0)
    for invoice, amount, taken in _of_invoices(list(by_invoice)):
        given[by_invoice[invoice]] += (amount or 0) - (taken or 0)
    return given


def _of_packs(payments: list[int]) -> Iterable[tuple[int, Decimal | None, Decimal | None]]:
    purchases = Purchase.objects.filter(payment__in=payments)
    return purchases.values_list("payment_id", "entry__amount", "entry__fact__clawback__taken")


def _of_invoices(invoices: list[str]) -> Iterable[tuple[str, Decimal | None, Decimal | None]]:
    direct = Fact.objects.filter(kind__in=BY_INVOICE, stripe_id__in=invoices)
    yield from direct.values_list("stripe_id", *GIVEN_AND_TAKEN)
    refills = Fact.objects.filter(kind=Fact.Kind.REFILL, refill__period__stripe_invoice_id__in=invoices)
    yield from refills.values_list("refill__period__stripe_invoice_id", *GIVEN_AND_TAKEN)
