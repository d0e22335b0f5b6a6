"""Receipts: a number that is given once, and what stands on the paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from quickscale_billing.conf import conf
from quickscale_billing.history.rows import what_was_bought
from quickscale_billing.models import PaidSegment, Payment, Receipt
from quickscale_billing.money import formatted
from quickscale_credits.models import CreditAccount

# Without letters and digits that are taken for one another.
LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
TRIES: Final = 10


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is printed, as pairs of words and money; `gone` is what went back of the total."""

    number: str
    paid_at: datetime
    seller: list[str]
    buyer: list[str]
    details: list[tuple[str, str]]
    items: list[tuple[str, str]]
    sums: list[tuple[str, str]]
    total: tuple[str, str]
    gone: list[tuple[str, str]]
    note: str


def receipt(payment: Payment) -> bytes:
    """A PDF in the active language, with the refunds up to now; its number and its parties stay as they were first."""
    # Imported late: it brings Pillow and fontTools along, which nobody needs who prints nothing.
    from quickscale_billing.history.receipt_pdf import drawn

    return drawn(content_of(assigned(payment)), font=conf.RECEIPT_FONT)


def assigned(payment: Payment) -> Receipt:
    """The receipt of this payment; a number is drawn for the first who asks."""
    for _attempt in range(TRIES):
        if found := Receipt.objects.select_related("payment").filter(payment=payment).first():
            return found
        try:
            return _given(payment, seller=seller_lines(conf.SELLER), buyer=_buyer(payment))
        except IntegrityError:
            continue  # the number is taken, or another process has just drawn one
    raise RuntimeError(f"No free receipt number was found for {payment}.")


def _given(payment: Payment, **parties: list[str]) -> Receipt:
    """Under the lock under which taxes are written: those that stand on a receipt do not change any more."""
    with transaction.atomic():
        CreditAccount.objects.select_for_update().get(pk=payment.account_id)
        return Receipt.objects.create(payment=payment, number=_number(payment), **parties)


def content_of(row: Receipt) -> Content:
    payment = row.payment
    return Content(
        number=row.number,
        paid_at=payment.paid_at,
        seller=row.seller,
        buyer=row.buyer,
        details=list(_details(row, payment)),
        items=[(_items(payment), formatted(payment.amount - payment.tax + payment.discount, payment.currency))],
        sums=list(_sums(payment)),
        total=(_("Paid"), formatted(payment.amount, payment.currency)),
        gone=list(_gone(payment)),
        note=str(conf.SELLER.get("note", "")),
    )


def seller_lines(seller: Any) -> list[str]:
    """`SELLER` as it is printed: name, address, and then what can be named by one word."""
    address = seller.get("address", "")
    lines = [seller.get("name", ""), *(address.splitlines() if isinstance(address, str) else address)]
    lines += [_("Tax ID: %(id)s") % {"id": seller["tax_id"]}] if seller.get("tax_id") else []
    lines += [seller.get(key, "") for key in ("email", "phone", "website")]
    return [str(line) for line in lines if line]


def _buyer(payment: Payment) -> list[str]:
    """What `BUYER_DETAILS` answers for the owner; else a name and an email address, as far as the owner has them."""
    owner: Any = payment.account.owner
    if owner is None:
        return []
    if conf.BUYER_DETAILS is not None:
        return [str(line) for line in conf.BUYER_DETAILS(owner)]
    name = owner.get_full_name() if hasattr(owner, "get_full_name") else ""
    customer = payment.account.customers.filter(is_current=True).first()
    email = getattr(owner, "email", "") or (customer.email if customer else "")
    return [str(line) for line in (name or str(owner), email) if line]


def _number(payment: Payment) -> str:
    day = timezone.localtime(payment.paid_at, timezone.get_default_timezone())
    return f"RCP-{day:%Y%m%d}-{get_random_string(6, LETTERS)}"


def _details(row: Receipt, payment: Payment) -> Iterable[tuple[str, str]]:
    yield _("Receipt"), row.number
    yield _("Paid on"), date_format(timezone.localtime(payment.paid_at), "DATE_FORMAT")
    if payment.invoice is not None:
        yield _("Invoice"), str(payment.invoice)
    if payment.stripe_payment_intent_id:
        yield _("Payment"), payment.stripe_payment_intent_id


def _items(payment: Payment) -> str:
    """A subscription's payment names the time it paid for."""
    if payment.invoice is None or payment.invoice.subscription_id is None:
        return what_was_bought(payment)
    segments = PaidSegment.objects.filter(stripe_invoice_id=payment.invoice.stripe_id).select_related("plan")
    lines = [f"{each.plan}, {_day(each.starts_at)} - {_day(each.ends_at)}" for each in segments]
    return "\n".join(lines) or what_was_bought(payment)


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT")


def _sums(payment: Payment) -> Iterable[tuple[str, str]]:
    """Together with the item they add up to what was paid, whether the price was told with tax or without."""
    if payment.discount:
        yield _("Discount"), formatted(-payment.discount, payment.currency)
    if payment.tax or payment.discount:
        yield _("Without tax"), formatted(payment.amount - payment.tax, payment.currency)
    if payment.tax:
        yield from _taxes(payment)


def _taxes(payment: Payment) -> Iterable[tuple[str, str]]:
    """Each by itself; one row for all where it is not known what they are, or they do not add up."""
    rows = list(payment.taxes.all())
    if sum(row.amount for row in rows) == payment.tax:
        yield from ((str(row), formatted(row.amount, payment.currency)) for row in rows)
    else:
        yield _("Tax"), formatted(payment.tax, payment.currency)


def _gone(payment: Payment) -> Iterable[tuple[str, str]]:
    for refund in sorted(payment.refunds.all(), key=lambda each: (each.created_at, each.pk)):
        if refund.is_standing:
            day = _day(refund.created_at)
            yield _("Refunded on %(day)s") % {"day": day}, formatted(-refund.amount, refund.currency)
    if payment.disputed:
        yield _("Lost in a dispute"), formatted(-payment.disputed, payment.currency)
