"""Our rows that may still change, asked about one by one: Stripe lists by the time of making, and these are older."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from quickscale_billing.models import CheckoutSession, Dispute, Invoice, Refund
from quickscale_billing.stripe import retrieving
from quickscale_billing.stripe.client import if_known
from quickscale_billing.stripe.listing import Listed
from quickscale_billing.stripe.readers import InvoiceState, SessionState

Row = CheckoutSession | Invoice | Refund | Dispute

ASKED_AT_MOST: Final = 500
# The money of a bank debit has come by then, or never comes.
PAID_WITHIN: Final = timedelta(days=90)
# A bank may send back what had succeeded, within 30 days: https://docs.stripe.com/refunds#failed-refunds
FAILED_WITHIN: Final = timedelta(days=45)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What Stripe says of them; `unknown` are those that it does not know any more."""

    sessions: list[tuple[SessionState, datetime]] = field(default_factory=list)
    invoices: list[InvoiceState] = field(default_factory=list)
    refunds: list[Listed] = field(default_factory=list)
    disputes: list[Listed] = field(default_factory=list)
    unknown: list[Row] = field(default_factory=list)


def asked(since: datetime, at_most: int) -> Answers:
    """Of those made before, the oldest. Not to be called in a transaction."""
    answers = Answers()
    oldest: Iterable[Row] = chain.from_iterable(rows[:at_most] for rows in _before(since))
    for row in sorted(oldest, key=made_at)[:at_most]:
        if not _ask(row, answers):
            answers.unknown.append(row)
    return answers


def count(since: datetime) -> int:
    return sum(rows.count() for rows in _before(since))


def refunds_since(since: datetime) -> datetime:
    """What Stripe lists of refunds has those that may still fail, however little is asked about."""
    return min(since, timezone.now() - FAILED_WITHIN)


def made_at(row: Row) -> datetime:
    return row.opened_at if isinstance(row, Dispute) else row.created_at


def _before(
    since: datetime,
) -> list[QuerySet[CheckoutSession] | QuerySet[Invoice] | QuerySet[Refund] | QuerySet[Dispute]]:
    sessions, refunds = CheckoutSession.objects.exclude(stripe_id=None), Refund.objects.exclude(stripe_id=None)
    unpaid = Q(status=CheckoutSession.Status.COMPLETE, pack__isnull=False, purchases=None)
    is_late = unpaid & Q(created_at__gte=timezone.now() - PAID_WITHIN)
    under_way = [Refund.Status.REQUESTED, Refund.Status.PENDING, Refund.Status.REQUIRES_ACTION]
    final = [Dispute.Status.WON, Dispute.Status.LOST, Dispute.Status.WARNING_CLOSED, Dispute.Status.PREVENTED]
    return [
        sessions.filter(Q(status=CheckoutSession.Status.OPEN) | is_late, created_at__lt=since).order_by("created_at"),
        Invoice.objects.filter(created_at__lt=since)
        .exclude(status__in=[Invoice.Status.PAID, Invoice.Status.VOID])
        .order_by("created_at"),
        refunds.filter(status__in=under_way, created_at__lt=refunds_since(since))
        .select_related("payment")
        .order_by("created_at"),
        Dispute.objects.filter(opened_at__lt=since)
        .exclude(status__in=final)
        .select_related("payment")
        .order_by("opened_at"),
    ]


def _ask(row: Row, answers: Answers) -> bool:
    if isinstance(row, CheckoutSession):
        session = if_known(partial(retrieving.session, str(row.stripe_id)))
        answers.sessions.extend([(session, row.created_at)] if session else [])
        return session is not None
    if isinstance(row, Invoice):
        invoice = if_known(partial(retrieving.invoice, str(row.stripe_id)))
        answers.invoices.extend([invoice] if invoice else [])
        return invoice is not None
    return _ask_payment(row, answers)


def _ask_payment(row: Refund | Dispute, answers: Answers) -> bool:
    """Of which Stripe tells its refunds and disputes."""
    payment_id = str(row.payment.stripe_payment_intent_id)
    state = if_known(partial(retrieving.payment, payment_id))
    if state is None:
        return False
    told = {each.id: each.status for each in state.refunds} | {each.id: each.status for each in state.disputes}
    if row.stripe_id not in told:
        return False
    answered = Listed(
        id=str(row.stripe_id),
        status=told[row.stripe_id],
        created=made_at(row),
        customer_id=state.customer_id,
        payment_id=payment_id,
    )
    (answers.refunds if isinstance(row, Refund) else answers.disputes).append(answered)
    return True
