"""What the invoice of a top-up means: credits once it is paid, a page to confirm it on, or an attempt that failed."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from quickscale_billing import clawing_back, fulfillment, payments, signals, stopping
from quickscale_billing.announcing import announce
from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import CreditPack, Customer, Fact, Invoice, Payment, Purchase, TopUp
from quickscale_billing.stripe.readers import InvoiceState
from quickscale_credits.models import CreditType

Status = TopUp.Status


def settle(state: InvoiceState, money: payments.Money) -> None:
    """Book what Stripe says of the invoice, once. Raises `Unsettled` for one of which nobody knows whose it is."""
    row = _row_of(state)
    with stopping.locked(row.account):
        row = TopUp.objects.select_related("account", "pack").filter(pk=row.pk).first() or row
        is_here, row.stripe_invoice_id = not row._state.adding, state.id
        arrived = [] if state.status == "draft" else payments.note_invoice(row.account, state, money)
        if state.is_paid:
            _give(row, state)
        elif state.status in ("void", "uncollectible") and is_here:
            _end(row)
        elif state.waits_for == "payer" and row.status == Status.REQUESTED and is_here:
            _wait_for_owner(row, state)
        if state.is_paid or is_here:  # of an attempt that is not here, only its money is
            row.save()
        for payment in arrived:
            clawing_back.set_right(payment)


def end(row: TopUp) -> TopUp:
    """Stripe has no invoice of it that could be paid."""
    with stopping.locked(row.account):
        row.refresh_from_db()
        _end(row)
        row.save()
    return row


def _row_of(state: InvoiceState) -> TopUp:
    """The attempt that it was made for; else one that is not saved, with what the pack gives now: a database that was
    restored from a copy has not heard of what was paid since."""
    token = _token_of(state)
    if found := TopUp.objects.select_related("account").filter(pk=token).first():
        return found
    customer = Customer.objects.select_related("account").filter(stripe_id=state.customer_id).first()
    prices = [line.price_id for line in state.lines]
    pack = CreditPack.objects.filter(stripe_price_id__in=filter(None, prices)).first()
    if customer is None or pack is None:
        raise Unsettled(
            f"{state.id} is a top-up that is not here, of Stripe's customer {state.customer_id} with {prices}: link "
            "both to an account and a pack, then settle again."
        )
    return TopUp(
        pk=token,
        account=customer.account,
        pack=pack,
        credits=pack.credits,
        bonus_credits=pack.bonus_credits,
        amount=state.amount_due,
        currency=state.currency,
        stripe_price_id=pack.stripe_price_id,
        stripe_customer_id=str(state.customer_id),
        created_at=state.created,
    )


def _token_of(state: InvoiceState) -> UUID:
    try:
        return UUID(state.top_up_token)
    except ValueError:
        raise Unsettled(f"{state.id} names a top-up {state.top_up_token!r}, which is no key of ours.") from None


def _give(row: TopUp, state: InvoiceState) -> None:
    fact = fulfillment.record(
        Fact.Kind.TOP_UP,
        f"topup:{state.id}",
        row.account,
        row.given,
        stripe_id=state.id,
        credit_type=CreditType.PAY_AS_YOU_GO,
    )
    if fact is not None and fact.entry is not None:
        payments = Payment.objects.filter(invoice__stripe_id=state.id)
        payments.count_anew()
        payment = payments.order_by("pk").first()
        row.purchase = Purchase.objects.create(
            account=row.account,
            pack=row.pack,
            credits=row.credits,
            bonus_credits=row.bonus_credits,
            amount=state.total,
            tax=state.tax,
            discount=state.discount,
            currency=state.currency,
            stripe_line_id=state.lines[0].id if state.lines else state.id,
            stripe_customer_id=state.customer_id,
            stripe_payment_intent_id=payment.stripe_payment_intent_id if payment else None,
            payment=payment,
            entry=fact.entry,
        )
        stopping.note_success(row.account)
    row.status, row.is_pending, row.hosted_url, row.problem = Status.PAID, None, "", ""
    row.ended_at = row.ended_at or state.paid_at or timezone.now()


def _wait_for_owner(row: TopUp, state: InvoiceState) -> None:
    row.status, row.hosted_url = Status.NEEDS_ACTION, state.hosted_url
    announce(signals.payment_failed, Invoice, invoice=Invoice.objects.get(stripe_id=state.id))


def _end(row: TopUp) -> None:
    """One that was not wanted any more is no failure."""
    if not row.is_pending:
        return
    row.status = Status.DECLINED if row.is_wanted else Status.CANCELED
    row.is_pending, row.hosted_url, row.ended_at = None, "", timezone.now()
    if row.is_wanted:
        stopping.note_failure(row.account)
