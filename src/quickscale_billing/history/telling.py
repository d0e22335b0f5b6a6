"""What was bought, and the receipt's number, in place of an id of Stripe's in what owners read."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import Q

from quickscale_billing.history.rows import what_was_bought
from quickscale_billing.models import Dispute, Fact, Payment

BOUGHT = ("receipt", "invoice__subscription__price__plan")


def words_for(references: Collection[str]) -> dict[str, str]:
    """By the id of a session, an invoice, a subscription or a dispute that this app wrote into the ledger."""
    ids = set(Fact.objects.filter(stripe_id__in=references).values_list("stripe_id", flat=True))
    disputes = Dispute.objects.filter(stripe_id__in=references)
    ids |= set(disputes.values_list("stripe_id", flat=True))
    words = dict.fromkeys(ids, "")
    if ids:
        words |= _of_plans(ids) | {id_: _words(payment) for payment in _payments(ids) for id_ in _ids(payment)}
    return words


def _of_plans(ids: Collection[str]) -> dict[str, str]:
    """Of a refill without an invoice of its own, as that of a trial."""
    refills = Fact.objects.filter(stripe_id__in=ids, refill__subscription__price__isnull=False)
    return dict(refills.values_list("stripe_id", "refill__subscription__price__plan__name"))


def _payments(ids: Collection[str]) -> Iterator[Payment]:
    wanted = Q(stripe_session_id__in=ids) | Q(invoice__stripe_id__in=ids) | Q(disputes__stripe_id__in=ids)
    found = Payment.objects.filter(wanted).distinct().select_related(*BOUGHT)
    yield from found.prefetch_related("purchases__pack", "disputes")


def _ids(payment: Payment) -> Iterator[str]:
    if payment.stripe_session_id:
        yield payment.stripe_session_id
    if payment.invoice is not None:
        yield payment.invoice.stripe_id
    yield from (dispute.stripe_id for dispute in payment.disputes.all())


def _words(payment: Payment) -> str:
    """“1000 credits · RCP-2026-000001”; a receipt has a number when somebody has asked for it."""
    receipt = getattr(payment, "receipt", None)
    return what_was_bought(payment) + (f" · {receipt.number}" if receipt else "")
