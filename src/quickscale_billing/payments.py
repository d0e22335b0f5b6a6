"""Writing down what Stripe billed, what arrived, and what went back of it. Credits are no matter of this module."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from quickscale_billing import signals, taxing
from quickscale_billing.announcing import announce
from quickscale_billing.models import Dispute, Invoice, Payment, PlanSubscription, Refund
from quickscale_billing.stripe import retrieving
from quickscale_billing.stripe.payment_readers import DisputeState, PaymentState, RefundState
from quickscale_billing.stripe.readers import InvoiceState, SessionState
from quickscale_billing.stripe.taxes import TaxRate
from quickscale_credits.models import CreditAccount


@dataclass(frozen=True, kw_only=True)
class Money:
    """What Stripe said of payment intents, which it began to be asked for at `began`, and of rates of tax."""

    states: Mapping[str, PaymentState]
    began: datetime
    rates: Mapping[str, TaxRate] = field(default_factory=dict)


def retrieved(payment_ids: Iterable[str | None], *, began: datetime) -> Money:
    """Of those that are not written down yet; what goes back of the others is told by events of their own."""
    wanted = {each for each in payment_ids if each is not None}
    known = Payment.objects.filter(stripe_payment_intent_id__in=wanted, retrieved_at__isnull=False)
    unknown = wanted - set(known.values_list("stripe_payment_intent_id", flat=True))
    return Money(states={each: retrieving.new_payment(each) for each in sorted(unknown)}, began=began)


def retrieved_for(invoices: Collection[InvoiceState], *, began: datetime) -> Money:
    """Likewise what has paid these, and what the rates of their taxes are called."""
    money = retrieved((each for invoice in invoices for each in invoice.payment_ids), began=began)
    return replace(money, rates=taxing.rates_of(invoices))


def of_session(account: CreditAccount, state: SessionState, money: Money) -> Payment:
    """The payment of a Checkout session for packs, which may have cost nothing. The account must be locked."""
    payment, is_new = Payment.objects.get_or_create(
        stripe_session_id=state.id,
        defaults={
            "account": account,
            "stripe_payment_intent_id": state.payment_intent_id,
            "amount": sum(line.total for line in state.lines),
            "tax": sum(line.tax for line in state.lines),
            "discount": sum(line.discount for line in state.lines),
            "currency": state.currency,
            "paid_at": timezone.now(),
        },
    )
    taxing.note(payment, state.taxes, money.rates)
    return _arrived(payment, money, is_new=is_new)


def note_invoices(subscription: PlanSubscription, states: Iterable[InvoiceState], money: Money) -> list[Payment]:
    """Bring the rows of a subscription's invoices to what Stripe says; answers the payments that were new."""
    known = {each.stripe_id: each for each in subscription.invoices.all()}
    arrived: list[Payment] = []
    for state in states:
        row = known.get(state.id) or Invoice(
            account=subscription.account, subscription=subscription, stripe_id=state.id
        )
        arrived += _note(row, state, money)
    return arrived


def note_invoice(account: CreditAccount, state: InvoiceState, money: Money) -> list[Payment]:
    """Likewise one that belongs to no subscription. The account must be locked."""
    row = Invoice.objects.filter(stripe_id=state.id).first() or Invoice(account=account, stripe_id=state.id)
    return _note(row, state, money)


def note(payment: Payment, state: PaymentState, began: datetime) -> bool:
    """Write down what went back of it; False if a later answer is written down already."""
    if payment.retrieved_at is not None and began < payment.retrieved_at:
        return False
    payment.stripe_charge_id = state.charge_id
    payment.refunded, payment.disputed = state.refunded, state.lost
    payment.paid_at, payment.retrieved_at = state.paid_at, began
    payment.is_counted = False
    payment.save()
    for refund in state.refunds:
        _note_refund(payment, refund)
    for dispute in state.disputes:
        _note_dispute(payment, dispute)
    return True


def columns_of(state: InvoiceState, row: Invoice) -> dict[str, object]:
    """What our row says where it is as Stripe has it. Addresses that were blanked stay so: an owner was forgotten."""
    is_forgotten = row.pk is not None and not row.hosted_url
    return {
        "number": state.number,
        "status": state.status,
        "reason": state.reason,
        "currency": state.currency,
        "subtotal": state.subtotal,
        "discount": state.discount,
        "tax": state.tax,
        "total": state.total,
        "amount_paid": state.amount_paid,
        "attempts": state.attempts,
        "hosted_url": "" if is_forgotten else state.hosted_url,
        "pdf_url": "" if is_forgotten else state.pdf_url,
        "created_at": state.created,
        "due_at": state.due_at,
        "paid_at": state.paid_at,
    }


def _note(row: Invoice, state: InvoiceState, money: Money) -> list[Payment]:
    arrived = list(_new_payments(_note_invoice(row, state, money.began), state, money))
    taxing.note_invoice(state, money.rates)
    return arrived


def _note_invoice(row: Invoice, state: InvoiceState, began: datetime) -> Invoice:
    """A subscription's owner hears of each attempt that failed; who tops up, when there is something to do.

    An answer that was asked for earlier than the one that is written down is not written over it.
    """
    if row.retrieved_at is not None and began < row.retrieved_at:
        return row
    had = row.attempts
    for name, value in columns_of(state, row).items():
        setattr(row, name, value)
    row.retrieved_at = began
    row.save()
    if row.subscription_id is not None and row.status == Invoice.Status.OPEN and row.attempts > had:
        announce(signals.payment_failed, Invoice, invoice=row)
    return row


def _new_payments(invoice: Invoice, state: InvoiceState, money: Money) -> Iterable[Payment]:
    for payment_id in state.payment_ids:
        if (told := money.states.get(payment_id)) is None:
            continue
        share = len(state.payment_ids) == 1
        payment, is_new = Payment.objects.get_or_create(
            stripe_payment_intent_id=payment_id,
            defaults={
                "account": invoice.account,
                "invoice": invoice,
                "amount": told.amount,
                "tax": state.tax if share else 0,
                "discount": state.discount if share else 0,
                "currency": told.currency,
                "paid_at": told.paid_at,
            },
        )
        yield _arrived(payment, money, is_new=is_new)


def _arrived(payment: Payment, money: Money, *, is_new: bool) -> Payment:
    state = money.states.get(payment.stripe_payment_intent_id or "")
    if state is not None:
        note(payment, state, money.began)
    if is_new and payment.amount:
        announce(signals.payment_received, Payment, payment=payment)
    return payment


def _note_refund(payment: Payment, state: RefundState) -> None:
    refund = _refund_of(payment, state)
    was_known = refund.stripe_id is not None
    refund.stripe_id, refund.status, refund.problem = state.id, state.status, state.problem
    refund.save()
    if not was_known and refund.is_standing:
        announce(signals.payment_refunded, Refund, refund=refund)


def _refund_of(payment: Payment, state: RefundState) -> Refund:
    """The row of ours that asked for it, by the token in its metadata; else one for what somebody did at Stripe."""
    if known := payment.refunds.filter(stripe_id=state.id).first():
        return known
    token = _uuid(state.token)
    if token is not None and (asked := payment.refunds.filter(stripe_id=None, token=token).first()):
        return asked
    return Refund(
        payment=payment,
        amount=state.amount,
        currency=state.currency,
        reason=state.reason,
        created_at=state.created,
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _note_dispute(payment: Payment, state: DisputeState) -> None:
    dispute = payment.disputes.filter(stripe_id=state.id).first() or Dispute(
        payment=payment,
        stripe_id=state.id,
        opened_at=state.created,
    )
    is_new, was_over, was_open = dispute.pk is None, dispute.closed_at is not None, dispute.is_open
    dispute.amount, dispute.currency = state.amount, state.currency
    dispute.status, dispute.reason = state.status, state.reason
    dispute.evidence_due_at = state.evidence_due_at
    is_over = dispute.status not in {*Payment.UNDER_DISPUTE, "warning_needs_response", "warning_under_review"}
    dispute.closed_at = (dispute.closed_at or timezone.now()) if is_over else None
    dispute.save()
    if is_new or (dispute.is_open and not was_open):
        announce(signals.dispute_opened, Dispute, dispute=dispute)
    if is_over and not was_over:
        announce(signals.dispute_closed, Dispute, dispute=dispute)
