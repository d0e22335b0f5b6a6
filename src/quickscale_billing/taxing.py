"""Writing down which taxes are in a payment, each by itself, for its receipt."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from quickscale_billing.models import Payment, PaymentTax, Receipt
from quickscale_billing.stripe import retrieving
from quickscale_billing.stripe.readers import InvoiceState
from quickscale_billing.stripe.taxes import Tax, TaxRate

logger = logging.getLogger(__name__)

LONGEST_NAME = 100


def rates_of(invoices: Iterable[InvoiceState]) -> dict[str, TaxRate]:
    """Those that no row names yet: Stripe is asked, since an invoice tells no more than their ids."""
    wanted = {(paid_by(each), tax.rate_id) for each in invoices for tax in each.taxes if paid_by(each) and tax.rate_id}
    named = PaymentTax.objects.filter(payment__stripe_payment_intent_id__in={paid for paid, _rate in wanted})
    known = named.exclude(name="").values_list("payment__stripe_payment_intent_id", "stripe_tax_rate_id")
    missing = wanted - set(known) if wanted else set()
    return retrieving.tax_rates(sorted({rate for _paid, rate in missing if rate}))


def paid_by(invoice: InvoiceState) -> str | None:
    """The payment intent that has its taxes; None of several, of which nobody says which paid what."""
    return invoice.payment_ids[0] if len(invoice.payment_ids) == 1 else None


def note_invoice(invoice: InvoiceState, rates: Mapping[str, TaxRate]) -> None:
    if invoice.taxes and (payment_id := paid_by(invoice)):
        for payment in Payment.objects.filter(stripe_payment_intent_id=payment_id):
            note(payment, invoice.taxes, rates)


def note(payment: Payment, taxes: Iterable[Tax], rates: Mapping[str, TaxRate]) -> None:
    """The account must be locked. Told again, nothing changes; told otherwise, what was told last stands, unless a
    receipt says what was told before. A name that is written down stays, though Stripe's has changed since."""
    written = list(payment.taxes.all())
    named: dict[str | None, PaymentTax] = {each.stripe_tax_rate_id: each for each in written if each.name}
    told = [
        _row(payment, position, tax, named.get(tax.rate_id) or tax.rate or rates.get(tax.rate_id or ""))
        for position, tax in enumerate(taxes, start=1)
    ]
    if not told or set(map(_content, told)) == set(map(_content, written)):
        return
    if Receipt.objects.filter(payment=payment).exists():
        if written:
            logger.warning("The receipt of %s was given; Stripe tells other taxes now: %s", payment, _listed(told))
        return
    payment.taxes.all().delete()
    PaymentTax.objects.bulk_create(told)


def _row(payment: Payment, position: int, tax: Tax, rate: PaymentTax | TaxRate | None) -> PaymentTax:
    return PaymentTax(
        payment=payment,
        position=position,
        name=rate.name[:LONGEST_NAME] if rate else "",
        percentage=rate.percentage if rate else None,
        amount=tax.amount,
        is_included=tax.is_included,
        stripe_tax_rate_id=tax.rate_id,
    )


def _content(row: PaymentTax) -> tuple[object, ...]:
    return row.stripe_tax_rate_id, row.name, row.percentage, row.amount, row.is_included


def _listed(rows: list[PaymentTax]) -> str:
    return ", ".join(f"{each} {each.amount}" for each in rows)
