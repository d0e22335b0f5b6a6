"""Paying back. The row comes first and Stripe after it, so that no money is sent twice; credits follow the money."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid4, uuid5

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from quickscale_billing import facts
from quickscale_billing.exceptions import BillingError, RefundTooLarge, StripeRefused
from quickscale_billing.models import Invoice, Payment, Purchase, Refund
from quickscale_billing.stripe import changing, refunding
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.ledger.joining import refuse_open_transaction

__all__ = ["refund"]

# https://docs.stripe.com/api/idempotent_requests: keys are forgotten after 24 hours at the earliest.
KEYS_ARE_KNOWN: Final = timedelta(hours=20)
# A request that lives answers within seconds.
ABANDONED_AFTER: Final = timedelta(minutes=5)


def refund(
    purchase_or_invoice: Purchase | Invoice | Payment, *, amount: int | None = None, reason: str, actor: Any
) -> Refund:
    """Pay back `amount` minor units, or all that is left; the credits are taken in proportion, once.

    Where several payments paid an invoice, the newest gives back first and none more than it took; the rows of the
    others are the `parts` of the one that is answered. Where Stripe refuses some of them, the others are paid back.

    `reason` is for the books, `actor` the user who decided it (stored as `str(pk)`). Raises `RefundTooLarge` for more
    than is left; `StripeRefused` if Stripe will not, as for a disputed payment; `StripeUnavailable` if it is not known
    whether Stripe has done it: then `settle_facts` finishes it, and nothing is to be asked for again. Not to be called
    inside a transaction.
    """
    refuse_open_transaction("A refund")
    row, _ = requested(purchase_or_invoice, amount=amount, reason=reason, actor=actor, token=uuid4())
    return sent(row)


def requested(
    purchase_or_invoice: Purchase | Invoice | Payment,
    *,
    amount: int | None,
    reason: str,
    actor: Any,
    token: UUID,
    cancels: bool = False,
) -> tuple[Refund, bool]:
    """The row of a refund that `sent` is to send, and whether it is new: the same token is the same refund.

    It may be written in one transaction with what else is to be known of it. With `cancels` the subscription that the
    payment was for is canceled first. Raises `RefundTooLarge`; `ValueError` for the token of another payment.
    """
    if not reason.strip():
        raise ValueError("A refund needs a reason.")
    if amount is not None and (isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0):
        raise ValueError(f"amount must be minor units above 0, such as 1470 for 14.70, not {amount!r}.")
    payments = _payments_of(purchase_or_invoice)
    with transaction.atomic():
        payments.update(refunded=F("refunded"))  # locks them, on SQLite too
        if asked := Refund.objects.filter(token=token).first():
            return _same(asked, payments), False
        shares = _shares(purchase_or_invoice, payments, amount)
        columns: dict[str, Any] = {"reason": reason, "actor": "" if actor is None else str(actor.pk)}
        first = _made(*shares[0], token=token, cancels=cancels, **columns)
        for payment, share in shares[1:]:
            _made(payment, share, token=uuid5(token, str(payment.pk)), part_of=first, **columns)
    return first, True


def sent(row: Refund) -> Refund:
    """Send what was requested, which may be done again; else answer it as it is. Raises as `refund` does."""
    refuse_open_transaction("A refund")
    errors: list[BillingError] = []
    for each in (row, *row.parts.order_by("pk")):
        try:
            if each.status == Refund.Status.REQUESTED:
                _send(each)
        except BillingError as error:
            errors.append(error)
    if errors and row.parts.exists():
        raise type(errors[0])(f"{errors[0]} {_went(row)}") from errors[0]
    if errors:
        raise errors[0]
    return row


def finish() -> int:
    """Bring to an end what a process died over; answers how many refunds were. What keeps one from it, its row says."""
    abandoned = Refund.objects.requested().filter(created_at__lte=timezone.now() - ABANDONED_AFTER)
    finished = 0
    for row in abandoned.order_by("pk"):
        try:
            finished += _send(row).status != Refund.Status.REQUESTED
        except BillingError as error:
            _note(row, str(error))
    return finished


def _payments_of(thing: Purchase | Invoice | Payment) -> QuerySet[Payment]:
    """What it was paid with, the newest first: the card that paid last is the likeliest to be there still."""
    if isinstance(thing, Payment):
        found = Payment.objects.filter(pk=thing.pk)
    elif isinstance(thing, Purchase) and (thing.payment is None or thing.payment.invoice_id is None):
        found = Payment.objects.filter(purchases=thing)
    else:
        invoice_id = thing.pk if isinstance(thing, Invoice) else thing.payment.invoice_id  # type: ignore[union-attr]
        found = Payment.objects.filter(invoice=invoice_id)
    return found.order_by("-paid_at", "-pk")


def _same(asked: Refund, payments: QuerySet[Payment]) -> Refund:
    if asked.payment not in payments:
        raise ValueError(f"The token of {asked} was used for {asked.payment}: another refund needs another token.")
    return asked


def _shares(
    thing: Purchase | Invoice | Payment, payments: QuerySet[Payment], amount: int | None
) -> list[tuple[Payment, int]]:
    """What each gives back: the newest first, and none more than is left of it."""
    left = [(payment, _left(payment)) for payment in payments]
    most = sum(each for _, each in left)
    if most <= 0 or (amount or 0) > most:
        raise RefundTooLarge(f"{thing}: {most} minor units are left to pay back, not {amount or 'any'}.")
    wanted, shares = amount or most, []
    for payment, room in left:
        if share := min(room, wanted):
            shares.append((payment, share))
            wanted -= share
    return shares


def _left(payment: Payment) -> int:
    """What can be paid back once all is that was asked for."""
    if payment.stripe_payment_intent_id is None:
        return 0
    asked: int = payment.refunds.requested().aggregate(sum=Sum("amount"))["sum"] or 0
    return max(0, payment.refundable - asked)


def _made(payment: Payment, amount: int, **columns: Any) -> Refund:
    return Refund.objects.create(payment=payment, amount=amount, currency=payment.currency, **columns)


def _went(row: Refund) -> str:
    parts = Refund.objects.standing().exclude(status=Refund.Status.REQUESTED).filter(Q(pk=row.pk) | Q(part_of=row))
    went = parts.aggregate(sum=Sum("amount"))["sum"] or 0
    return f"Of what was asked for, {went} minor units were paid back."


def _send(row: Refund) -> Refund:
    payment_id = str(row.payment.stripe_payment_intent_id)
    try:
        if row.cancels:
            _cancel(row.payment)
        _pay_back(row, payment_id)
    except StripeRefused as error:
        Refund.objects.requested().filter(pk=row.pk).update(status=Refund.Status.FAILED, problem=str(error))
        raise
    try:
        facts.settle_payment(payment_id)
    except (BillingError, CreditsError) as error:  # it is paid back: its credits are for the webhook or the sweep then
        _note(row, str(error))
    row.refresh_from_db()
    return row


def _cancel(payment: Payment) -> None:
    """Paid back, it must not go on. What is booked of its end, the webhook or the sweep books as well."""
    subscription = payment.invoice.subscription if payment.invoice else None
    if subscription is not None:
        changing.cancel_now(subscription.stripe_id)
        with suppress(BillingError, CreditsError):
            facts.settle_subscription(subscription.stripe_id)


def _pay_back(row: Refund, payment_id: str) -> None:
    token = cast(UUID, row.token)  # what was asked for here has one
    is_old = row.created_at < timezone.now() - KEYS_ARE_KNOWN
    if not (is_old and refunding.is_known(payment_id, token)):
        refunding.create(payment_id, row.amount, token)


def _note(row: Refund, problem: str) -> None:
    Refund.objects.requested().filter(pk=row.pk).update(problem=problem)
