"""The one shape of a line of history, and how each kind of row is told in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quickscale_billing.models import Dispute, Invoice, Payment, Purchase, Refund
from quickscale_billing.money import formatted
from quickscale_credits.models import LedgerEntry


class RowKind(TextChoices):
    USAGE = "usage", gettext_lazy("Usage")
    CREDITS = "credits", gettext_lazy("Credits")
    INVOICE = "invoice", gettext_lazy("Invoice")
    PAYMENT = "payment", gettext_lazy("Payment")
    REFUND = "refund", gettext_lazy("Refund")
    DISPUTE = "dispute", gettext_lazy("Dispute")


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    """`amount` is in minor units, below zero where money goes back to the owner; credits or money is None where it is
    about the other. `credits` of a payment is what it has given so far, less what was taken back."""

    at: datetime
    kind: RowKind
    title: str
    detail: str = ""
    status: str = ""
    credits: Decimal | None = None
    balance: Decimal | None = None
    amount: int | None = None
    currency: str = ""
    url: str = ""
    payment_id: int | None = None

    @property
    def money(self) -> str:
        """“-4.90 USD”, or nothing."""
        return "" if self.amount is None else formatted(self.amount, self.currency)

    @property
    def label(self) -> str:
        return str(self.kind.label)


def of_entry(entry: LedgerEntry) -> HistoryRow:
    is_use = entry.kind == LedgerEntry.Kind.SPEND
    return HistoryRow(
        at=entry.created_at,
        kind=RowKind.USAGE if is_use else RowKind.CREDITS,
        title=entry.reason if is_use else f"{entry.get_kind_display()}: {entry.reason}",
        detail=entry.reference,
        credits=entry.amount,
        balance=entry.balance_after,
    )


def of_invoice(invoice: Invoice) -> HistoryRow:
    return HistoryRow(
        at=invoice.created_at,
        kind=RowKind.INVOICE,
        title=_("Invoice %(number)s") % {"number": invoice},
        detail=_plan_of(invoice) if invoice.subscription_id else _("Auto top-up"),
        status=invoice.get_status_display(),
        amount=invoice.total,
        currency=invoice.currency,
        url=invoice.hosted_url,
    )


def of_payment(payment: Payment, given: Decimal) -> HistoryRow:
    return HistoryRow(
        at=payment.paid_at,
        kind=RowKind.PAYMENT,
        title=what_was_bought(payment),
        detail=str(payment.invoice) if payment.invoice else "",
        status=_status_of(payment),
        credits=given,
        amount=payment.amount,
        currency=payment.currency,
        url=payment.invoice.hosted_url if payment.invoice else "",
        payment_id=payment.pk,
    )


def of_refund(refund: Refund) -> HistoryRow:
    return HistoryRow(
        at=refund.created_at,
        kind=RowKind.REFUND,
        title=_("Refund of %(item)s") % {"item": what_was_bought(refund.payment)},
        status=refund.get_status_display(),
        amount=-refund.amount,
        currency=refund.currency,
        payment_id=refund.payment_id,
    )


def of_dispute(dispute: Dispute) -> HistoryRow:
    return HistoryRow(
        at=dispute.opened_at,
        kind=RowKind.DISPUTE,
        title=_("Dispute of %(item)s") % {"item": what_was_bought(dispute.payment)},
        status=dispute.get_status_display(),
        amount=-dispute.amount,
        currency=dispute.currency,
        payment_id=dispute.payment_id,
    )


def what_was_bought(payment: Payment) -> str:
    """The packs, or the plan; rows that were fetched along are not asked for again."""
    if payment.invoice is not None and payment.invoice.subscription_id is not None:
        return _plan_of(payment.invoice) or _("Payment")
    bought = [f"{each.quantity} x {each.pack}" if each.quantity > 1 else str(each.pack) for each in _purchases(payment)]
    return ", ".join(bought) or _("Payment")


def _purchases(payment: Payment) -> list[Purchase]:
    return sorted(payment.purchases.all(), key=lambda each: each.pk)


def _plan_of(invoice: Invoice) -> str:
    subscription = invoice.subscription
    return str(subscription.plan) if subscription is not None and subscription.plan else ""


def _status_of(payment: Payment) -> str:
    if payment.amount and payment.gone == payment.amount:
        return _("Refunded") if payment.refunded else _("Lost in a dispute")
    if payment.gone:
        return _("Partly refunded") if payment.refunded else _("Partly lost in a dispute")
    return _("Paid") if payment.amount else _("Free by a discount")
