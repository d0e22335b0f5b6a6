"""Buying a pack by itself when credits run low. The row comes first and Stripe after it, so that nobody pays twice.

Never in a request: after a spend by a job, if the host has a queue, and by the sweep `top_up`. Both may come at once,
or be cut off anywhere; the next sweep goes on with what the row says and Stripe has.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.utils import timezone

from quickscale_billing import catalog, collecting, payment_methods, queueing, stopping
from quickscale_billing.conf import conf
from quickscale_billing.exceptions import BillingError, StripeUnavailable
from quickscale_billing.models import AutoTopUp, Dispute, TopUp
from quickscale_billing.payment_methods import Charged
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.ledger.joining import refuse_open_transaction
from quickscale_credits.models import CreditAccount

logger = logging.getLogger(__name__)

Reason = AutoTopUp.Reason
# A process that lives is through with it by then.
ABANDONED_AFTER: Final = timedelta(minutes=5)


def after_spend(account: CreditAccount) -> None:
    """Hand the account to the queue, if what is left of its credits calls for a pack. One query, and no network."""
    if not conf.AUTO_TOP_UP or conf.QUEUE is None:
        return
    available = account.balance - account.held
    if AutoTopUp.objects.ready().filter(account=account.pk, threshold__gt=available).exists():
        queueing.hand_over("top_up", account.pk)


@queueing.job("top_up")
def look_at(account_id: int) -> None:
    """What a worker does after a spend. Whatever keeps Stripe from answering, the sweep goes on."""
    with suppress(StripeUnavailable):
        if account := CreditAccount.objects.filter(pk=account_id).first():
            charge(account)


def charge(account: CreditAccount) -> TopUp | None:
    """Buy one pack if it is due; None if it is not. Raises `StripeUnavailable`, after which the sweep goes on."""
    refuse_open_transaction("A top-up")
    agreed = AutoTopUp.objects.ready().select_related("pack", "account").filter(account=account).first()
    if not conf.AUTO_TOP_UP or agreed is None or not stopping.is_low(agreed, account):
        return None
    if agreed.is_as_agreed:
        catalog.ensure_pushed(agreed.pack, agreed.pack)
    charged = payment_methods.charged(account)
    try:
        row = _requested(account, charged)
    except IntegrityError:
        return None  # one is under way, of which a replica that lags behind has not told
    return row and collecting.carry_out(row)


def sweep_each() -> Iterator[bool]:
    """Bring to an end what was begun, then look at every account that is low; whether each was topped up."""
    for row in _left_over():
        yield _swept(partial(collecting.carry_out, row))
    if conf.AUTO_TOP_UP:
        for agreed in list(AutoTopUp.objects.ready().low().select_related("account").order_by("pk")):
            yield _swept(partial(charge, agreed.account))


def _left_over() -> QuerySet[TopUp]:
    """What a process died over, what no owner confirmed in time, and what is not wanted any more."""
    now, requested = timezone.now(), TopUp.Status.REQUESTED
    is_abandoned = Q(status=requested, created_at__lte=now - ABANDONED_AFTER)
    is_unconfirmed = Q(created_at__lte=now - collecting.CONFIRMED_WITHIN) & ~Q(status=requested)
    left_over = is_abandoned | is_unconfirmed | Q(is_wanted=False)
    return TopUp.objects.pending().filter(left_over).select_related("account").order_by("created_at")


def _swept(work: Callable[[], TopUp | None]) -> bool:
    """One that cannot be brought to an end does not keep the others from it."""
    try:
        row = work()
    except (BillingError, CreditsError):
        logger.exception("A top-up could not be brought to an end; the next sweep tries again.")
        return False
    return row is not None and row.status == TopUp.Status.PAID


def _requested(account: CreditAccount, charged: Charged | None) -> TopUp | None:
    """Lock, check, write. What keeps it from being charged at all turns it off; a cap puts it off."""
    with stopping.locked(account) as now:
        agreed = AutoTopUp.objects.ready().select_related("pack").filter(account=account).first()
        if agreed is None or not stopping.is_low(agreed, now):
            return None
        reason = _reason_to_stop(agreed)
        if charged is None or reason:
            stopping.stop(account, reason or Reason.NO_METHOD)
            return None
        if agreed.is_capped:
            stopping.wait_for_next_month(agreed)
            return None
        return TopUp.objects.create(
            account=account,
            pack=agreed.pack,
            credits=agreed.credits,
            bonus_credits=agreed.bonus_credits,
            amount=agreed.amount,
            currency=agreed.currency,
            stripe_price_id=agreed.pack.stripe_price_id,
            stripe_customer_id=charged.customer_id,
            stripe_method_id=charged.method.id,
        )


def _reason_to_stop(agreed: AutoTopUp) -> AutoTopUp.Reason | None:
    if Dispute.objects.open().filter(payment__account=agreed.account_id).exists():
        return Reason.DISPUTED
    return None if agreed.is_as_agreed else Reason.PACK_CHANGED
