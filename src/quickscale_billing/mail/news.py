"""Which letters are written of what is announced. Each function takes what its signal tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.dispatch import Signal

from quickscale_billing import signals
from quickscale_billing.mail.writing import tell
from quickscale_billing.models import AutoTopUp, Dispute, Invoice, Mail, Payment, PlanSubscription, Refund


def write(signal: Signal, told: dict[str, Any]) -> None:
    """Within the transaction in which it became true, so that a letter is lost only together with its news."""
    if signal in LETTERS:
        LETTERS[signal](**told)


def _receipt(payment: Payment) -> None:
    about = {"payment": payment.pk}
    tell(Mail.Kind.RECEIPT, str(payment.pk), payment.account, about=about, happened_at=payment.paid_at)


def _payment_failed(invoice: Invoice) -> None:
    """Once for each attempt that Stripe makes to collect it."""
    about = {"invoice": invoice.pk}
    key = f"{invoice.pk}:{invoice.attempts}"
    tell(Mail.Kind.PAYMENT_FAILED, key, invoice.account, about=about)


def _subscription_canceled(subscription: PlanSubscription) -> None:
    """Taken back and canceled again to the same end, it is the same letter."""
    key = f"{subscription.pk}:{subscription.ends_at:%Y-%m-%d}"
    tell(Mail.Kind.SUBSCRIPTION_CANCELED, key, subscription.account, about={"subscription": subscription.pk})


def _refund_made(refund: Refund) -> None:
    account, about = refund.payment.account, {"refund": refund.pk}
    tell(Mail.Kind.REFUND_MADE, str(refund.pk), account, about=about, happened_at=refund.created_at)


def _dispute_opened(dispute: Dispute) -> None:
    """Staff must answer inquiries, too; the owner is told when their credits are frozen."""
    account, about = dispute.payment.account, {"dispute": dispute.pk}
    if dispute.closed_at is None:
        key = f"{dispute.pk}:{'inquiry' if dispute.is_inquiry else 'dispute'}"
        tell(Mail.Kind.DISPUTE_ALERT, key, account, about=about, happened_at=dispute.opened_at)
    if dispute.is_open:
        tell(Mail.Kind.DISPUTE_OPENED, str(dispute.pk), account, about=about)


def _top_up_stopped(auto_top_up: AutoTopUp) -> None:
    key = f"{auto_top_up.pk}:{auto_top_up.stopped_at:%Y-%m-%dT%H:%M:%S}"
    tell(Mail.Kind.TOP_UP_STOPPED, key, auto_top_up.account, about={"reason": auto_top_up.reason})


LETTERS: Final[dict[Signal, Callable[..., None]]] = {
    signals.payment_received: _receipt,
    signals.payment_failed: _payment_failed,
    signals.subscription_canceled: _subscription_canceled,
    signals.payment_refunded: _refund_made,
    signals.dispute_opened: _dispute_opened,
    signals.top_up_stopped: _top_up_stopped,
}
