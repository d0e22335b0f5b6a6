"""Paying back. The row comes first and Stripe after it, so that no money is sent twice; credits follow the money."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from quickscale_billing import facts
from quickscale_billing.exceptions import BillingError, RefundTooLarge, StripeRefused, StripeUnavailable
from quickscale_billing.models import Invoice, Payment, Purchase, Refund
from quickscale_billing.stripe import refunding
from quickscale_credits.ledger.joining import refuse_open_transaction

__all__ = ["refund"]

# https://docs.stripe.com/api/idempotent_requests: keys are forgotten after 24 hours at the earliest.
KEYS_ARE_KNOWN: Final = timedelta(hours=20)
# A request that lives answers within seconds.
ABANDONED_AFTER: Final = timedelta(minutes=5)


def refund(
    purchase_or_invoice: Purchase | Invoice | Payment, *, amount: int | None = None, reason: str, actor: Any
) -> Refund:
    """Pay back `amount` minor units, or what is left of the payment; its credits are taken in proportion, once.

    `reason` is for the books, `actor` the user who decided it (stored as `str(pk)`). Raises `RefundTooLarge` for more
    than is left; `StripeRefused` if Stripe will not, as for a disputed payment; `StripeUnavailable` if it is not known
    whether Stripe has done it: then `settle_facts` finishes it, and nothing is to be asked for again. Not to be called
    inside a transaction.
    """
    return refund_once(purchase_or_invoice, amount=amount, reason=reason, actor=actor, token=uuid4())


def refund_once(
    purchase_or_invoice: Purchase | Invoice | Payment, *, amount: int | None, reason: str, actor: Any, token: UUID
) -> Refund:
    """`refund`, for a form that may be sent twice: the same token is the same refund."""
    refuse_open_transaction("A refund")
    if not reason.strip():
        raise ValueError("A refund needs a reason.")
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0):
        raise ValueError(f"amount must be minor units above 0, such as 1470 for 14.70, not {amount!r}.")
    if asked := Refund.objects.filter(token=token).first():
        return asked
    payment = _payment_of(purchase_or_invoice, amount)
    return _send(_request(payment, amount, reason=reason, actor=actor, token=token))


def finish() -> int:
    """Bring to an end what a process died over; answers how many refunds were."""
    abandoned = Refund.objects.requested().filter(created_at__lte=timezone.now() - ABANDONED_AFTER)
    finished = 0
    for row in abandoned.order_by("pk"):
        try:
            finished += _send(row).status != Refund.Status.REQUESTED
        except BillingError:
            continue
    return finished


def _payment_of(thing: Purchase | Invoice | Payment, amount: int | None) -> Payment:
    """The payment that it was paid with; of several, the first that has so much left."""
    if isinstance(thing, Payment):
        return thing
    if isinstance(thing, Purchase):
        payments = [thing.payment] if thing.payment else []
    else:
        payments = list(thing.payments.order_by("pk"))
    left = [payment for payment in payments if payment.refundable >= (amount or 1)]
    if not left:
        raise RefundTooLarge(f"Of {thing} there is no payment with {amount or 'any'} minor units left to pay back.")
    return left[0]


def _request(payment: Payment, amount: int | None, *, reason: str, actor: Any, token: UUID) -> Refund:
    with transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(refunded=F("refunded"))  # locks it, on SQLite too
        payment = Payment.objects.get(pk=payment.pk)
        asked = payment.refunds.requested().aggregate(sum=Sum("amount"))["sum"] or 0
        left = payment.refundable - asked
        if payment.stripe_payment_intent_id is None or left <= 0 or (amount or 0) > left:
            raise RefundTooLarge(f"{payment}: {left} minor units are left to pay back, not {amount or 'any'}.")
        return Refund.objects.create(
            token=token,
            payment=payment,
            amount=amount or left,
            currency=payment.currency,
            reason=reason,
            actor="" if actor is None else str(actor.pk),
        )


def _send(row: Refund) -> Refund:
    payment_id = str(row.payment.stripe_payment_intent_id)
    token = cast(UUID, row.token)  # what was asked for here has one
    is_old = row.created_at < timezone.now() - KEYS_ARE_KNOWN
    if not (is_old and refunding.is_known(payment_id, token)):
        try:
            refunding.create(payment_id, row.amount, token)
        except StripeRefused as error:
            Refund.objects.requested().filter(pk=row.pk).update(status=Refund.Status.FAILED, problem=str(error))
            raise
    with suppress(StripeUnavailable):  # it is paid back: that its credits follow is for the webhook or the sweep then
        facts.settle_payment(payment_id)
    row.refresh_from_db()
    return row
