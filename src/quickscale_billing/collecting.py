"""One attempt to top up, from its row to its end, from wherever it was left. Stripe's invoice says where that is."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from django.utils import timezone

from quickscale_billing import facts, stopping, topping_up
from quickscale_billing.conf import conf
from quickscale_billing.customers import SURELY_REMEMBERED
from quickscale_billing.exceptions import StripeRefused
from quickscale_billing.models import AutoTopUp, TopUp
from quickscale_billing.stripe import retrieving, topups
from quickscale_billing.stripe.client import if_known
from quickscale_billing.stripe.readers import InvoiceState
from quickscale_credits.models import CreditAccount

# How long the page stays open on which an owner confirms a payment.
CONFIRMED_WITHIN: Final = timedelta(days=3)


def carry_out(row: TopUp) -> TopUp:
    """Collect what is due, or end the attempt. Raises `StripeUnavailable`: then the sweep calls this again."""
    problem = ""
    try:
        state = _finalized(row) if row.status == TopUp.Status.REQUESTED and row.is_wanted else None
        if state is not None and state.status == "open" and not state.attempts and _is_admitted(row, state):
            topups.pay(row)
    except StripeRefused as refusal:
        problem = str(refusal)
    return _concluded(row, problem)


def discard_pending(account: CreditAccount) -> None:
    """Of this account nothing is collected any more; what was paid by now is booked."""
    pending = TopUp.objects.pending().filter(account=account)
    pending.update(is_wanted=False)
    for row in pending.select_related("account"):
        _concluded(row, problem="")


def _finalized(row: TopUp) -> InvoiceState | None:
    """The invoice with its pack and its tax; None if Stripe has none, and should not get one so late."""
    if row.stripe_invoice_id is None and (made := _made_before(row) or _made(row)):
        TopUp.objects.filter(pk=row.pk).update(stripe_invoice_id=made)
        row.stripe_invoice_id = made
    if (state := _state(row)) is not None and state.status == "draft":
        topups.finalize(row, has_line=bool(state.lines))
        return _state(row)
    return state


def _made_before(row: TopUp) -> str | None:
    return topups.find(row) if _is_old(row) else None


def _made(row: TopUp) -> str | None:
    return None if _is_old(row) else topups.draft(row)


def _is_old(row: TopUp) -> bool:
    """Stripe may have forgotten our keys."""
    return row.created_at < timezone.now() - SURELY_REMEMBERED


def _is_admitted(row: TopUp, state: InvoiceState) -> bool:
    """Whether it is still offered and wanted, and what Stripe counted, with tax, is within the cap."""
    with stopping.locked(row.account) as account:
        row.refresh_from_db()
        row.amount = state.amount_due
        row.save(update_fields=["amount"])
        agreed = AutoTopUp.objects.on().filter(account=account, pack=row.pack_id, currency=row.currency).first()
        is_within = agreed is not None and agreed.counted <= agreed.monthly_cap
        if agreed is not None and not is_within:
            _put_off(agreed, state)
        is_low = agreed is not None and stopping.is_low(agreed, account)
        row.is_wanted = row.is_wanted and conf.AUTO_TOP_UP and is_within and is_low
        row.save(update_fields=["is_wanted"])
        return row.is_wanted


def _put_off(agreed: AutoTopUp, state: InvoiceState) -> None:
    """To the next month, if that has room for it: a cap below the price with its tax never has."""
    if state.amount_due > agreed.monthly_cap:
        stopping.stop(agreed.account, AutoTopUp.Reason.CAP_TOO_LOW)
    else:
        stopping.wait_for_next_month(agreed)


def _concluded(row: TopUp, problem: str) -> TopUp:
    """What nobody has paid by now, and nobody is about to pay, is not to be paid any more."""
    if problem:  # written first: what is gone at Stripe when this is called again has failed, and was not given up
        TopUp.objects.filter(pk=row.pk, problem="").update(problem=problem)
    state = _state(row)
    if state is None:
        TopUp.objects.filter(pk=row.pk, problem="").update(is_wanted=False)
        return topping_up.end(row)
    if state.status in ("draft", "open") and not _is_about_to_be_paid(row, state):
        with suppress(StripeRefused):  # it was paid in this moment
            topups.discard(state.id, is_draft=state.status == "draft")
        if state.status == "draft":
            return topping_up.end(row)
    facts.settle_invoice(state.id)
    row.refresh_from_db()
    return row


def _is_about_to_be_paid(row: TopUp, state: InvoiceState) -> bool:
    """By the bank; or by its owner, who is given time to confirm it."""
    is_in_time = row.status == TopUp.Status.REQUESTED or row.created_at > timezone.now() - CONFIRMED_WITHIN
    return row.is_wanted and (state.waits_for == "bank" or (state.waits_for == "payer" and is_in_time))


def _state(row: TopUp) -> InvoiceState | None:
    """None where Stripe has no invoice of it, or has it no more."""
    if row.stripe_invoice_id is None:
        return None
    return if_known(partial(retrieving.invoice, row.stripe_invoice_id))
