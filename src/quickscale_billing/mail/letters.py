"""What each kind of letter is about: what its templates are given, and what is attached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.urls import NoReverseMatch, reverse

from quickscale_billing import history
from quickscale_billing.conf import conf
from quickscale_billing.history import receipts
from quickscale_billing.history.rows import what_was_bought
from quickscale_billing.models import AutoTopUp, Dispute, Invoice, Mail, Payment, PlanSubscription, Refund
from quickscale_billing.money import formatted
from quickscale_billing.return_addresses import site_address

Kind = Mail.Kind
File = tuple[str, bytes, str]


class Obsolete(Exception):
    """What the letter would say is not so any more."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    context: dict[str, Any]
    attachments: list[File] = field(default_factory=list)


def letter_of(mail: Mail) -> Letter:
    """In the active language. Raises `Obsolete`, and `DoesNotExist` if what it is about is gone."""
    letter = LETTERS[Kind(mail.kind)](mail)
    common = {
        "account": mail.account,
        "owner": mail.account.owner if mail.account else None,
        "seller": str(conf.SELLER.get("name", "")) or site_address().partition("://")[2],
        "site_url": site_address(),
    }
    return Letter(context=common | letter.context, attachments=letter.attachments)


def page(name: str, *arguments: object) -> str:
    """The absolute address of a page; empty where the host has not included it."""
    try:
        return f"{site_address()}{reverse(name, args=arguments)}"
    except NoReverseMatch:
        return ""


def _receipt(mail: Mail) -> Letter:
    payment = Payment.objects.select_related("invoice").get(pk=mail.about["payment"])
    number = receipts.assigned(payment).number
    context = {"payment": payment, "number": number, "url": page("quickscale_billing:receipt", payment.pk)}
    file = (f"{number}.pdf", history.receipt(payment), "application/pdf")
    return Letter(context=context | _money(payment, payment.amount, payment.currency), attachments=[file])


def _payment_failed(mail: Mail) -> Letter:
    invoice = Invoice.objects.select_related("subscription__price__plan").get(pk=mail.about["invoice"])
    if invoice.status not in (Invoice.Status.OPEN, Invoice.Status.UNCOLLECTIBLE):
        raise Obsolete("It was paid meanwhile, or is not wanted any more.")
    plan = invoice.subscription.plan if invoice.subscription else None
    context = {
        "invoice": invoice,
        "plan": plan,
        "amount": formatted(invoice.total, invoice.currency),
        "url": page("quickscale_billing:payment_methods"),
        "invoice_url": _web(invoice.hosted_url),
    }
    return Letter(context=context)


def _card_expiring(mail: Mail) -> Letter:
    """`month` is the last in which it can be used."""
    told = {name: mail.about[name] for name in ("card", "month", "has_expired")}
    return Letter(context=told | {"url": page("quickscale_billing:payment_methods")})


def _subscription_canceled(mail: Mail) -> Letter:
    subscription = PlanSubscription.objects.select_related("price__plan").get(pk=mail.about["subscription"])
    if subscription.ends_at is None:
        raise Obsolete("It was resumed.")
    context = {
        "subscription": subscription,
        "plan": subscription.plan,
        "ends_at": subscription.ends_at,
        "has_ended": not subscription.is_live,
        "url": page("quickscale_billing:subscription"),
    }
    return Letter(context=context)


def _refund_made(mail: Mail) -> Letter:
    refund = Refund.objects.select_related("payment__invoice").get(pk=mail.about["refund"])
    if not refund.is_standing:
        raise Obsolete("The refund has failed.")
    context = {"refund": refund, "url": page("quickscale_billing:history")}
    return Letter(context=context | _money(refund.payment, refund.amount, refund.currency))


def _dispute_opened(mail: Mail) -> Letter:
    dispute = _dispute(mail)
    frozen = sum((each.hold.amount for each in dispute.frozen.select_related("hold")), Decimal(0))
    context = {"dispute": dispute, "frozen": frozen, "url": page("quickscale_billing:history")}
    return Letter(context=context | _money(dispute.payment, dispute.amount, dispute.currency))


def _dispute_alert(mail: Mail) -> Letter:
    dispute = _dispute(mail)
    url = page("admin:quickscale_billing_payment_investigate", dispute.payment_id)
    return Letter(context={"dispute": dispute, "url": url} | _money(dispute.payment, dispute.amount, dispute.currency))


def _dispute(mail: Mail) -> Dispute:
    dispute = Dispute.objects.select_related("payment__invoice").get(pk=mail.about["dispute"])
    if dispute.closed_at is not None:
        raise Obsolete("The dispute is over.")
    return dispute


def _credits_low(mail: Mail) -> Letter:
    figures = {name: Decimal(mail.about[name]) for name in ("available", "threshold")}
    return Letter(context=figures | {"url": page("quickscale_billing:pricing")})


def _credits_expiring(mail: Mail) -> Letter:
    context = {
        "credits": Decimal(mail.about["credits"]),
        "expires_at": datetime.fromisoformat(mail.about["expires_at"]),
        "url": page("quickscale_credits:credits"),
    }
    return Letter(context=context)


def _top_up_stopped(mail: Mail) -> Letter:
    reason = AutoTopUp.Reason(mail.about["reason"])
    return Letter(context={"reason": reason.value, "why": reason.label, "url": page("quickscale_billing:top_up")})


def _webhooks_refused(mail: Mail) -> Letter:
    since = datetime.fromisoformat(mail.about["since"])
    context = {"count": mail.about["count"], "since": since, "url": page("admin:quickscale_billing_health")}
    return Letter(context=context)


def _money(payment: Payment, amount: int, currency: str) -> dict[str, str]:
    return {"item": what_was_bought(payment), "amount": formatted(amount, currency)}


def _web(address: str) -> str:
    """What Stripe says is a page, if a browser would open it as one."""
    return address if address.startswith(("https://", "http://")) else ""


LETTERS: Final[dict[Mail.Kind, Callable[[Mail], Letter]]] = {
    Kind.RECEIPT: _receipt,
    Kind.PAYMENT_FAILED: _payment_failed,
    Kind.CARD_EXPIRING: _card_expiring,
    Kind.SUBSCRIPTION_CANCELED: _subscription_canceled,
    Kind.REFUND_MADE: _refund_made,
    Kind.DISPUTE_OPENED: _dispute_opened,
    Kind.DISPUTE_ALERT: _dispute_alert,
    Kind.CREDITS_LOW: _credits_low,
    Kind.CREDITS_EXPIRING: _credits_expiring,
    Kind.TOP_UP_STOPPED: _top_up_stopped,
    Kind.WEBHOOKS_REFUSED: _webhooks_refused,
}
