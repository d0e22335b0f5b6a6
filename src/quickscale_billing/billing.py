"""The end of an owner's billing: `from quickscale_billing import billing`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from quickscale_billing import checkout, collecting, facts, stopping
from quickscale_billing.customers import refuse_other_mode
from quickscale_billing.exceptions import BillingError, Unsettled
from quickscale_billing.mail import erasing
from quickscale_billing.models import (
    AutoTopUp,
    CheckoutSession,
    Customer,
    Invoice,
    PlanSubscription,
    Receipt,
    Refund,
    TopUp,
    TopUpConsent,
)
from quickscale_billing.stripe import changing, methods, retrieving
from quickscale_billing.stripe.client import if_known
from quickscale_billing.stripe.forgetting import forget
from quickscale_credits.erasing import owner_guard
from quickscale_credits.ledger.joining import refuse_open_transaction
from quickscale_credits.models import CreditAccount
from quickscale_credits.signals import account_closed

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """What was found at Stripe, by id: subscriptions that were canceled now, payment methods that were detached, and
    customers and subscriptions of ours that Stripe does not know any more, and so charges nothing for."""

    canceled: list[str] = field(default_factory=list)
    detached: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def close(owner: models.Model | CreditAccount) -> Closed:
    """End all for which this owner could still be charged, and forget who they are; then they may be deleted.

    Cancels at Stripe now, without paying back; closes pages of Stripe that are open; tops up no more; revokes API keys
    and what else listens to `account_closed`; detaches payment methods; blanks personal data in our rows and
    dj-stripe's. Credits and entries stay. It may be called again, also after it was cut off. What Stripe does not know
    any more ends here all the same: it is logged, and in the answer. Raises `StripeUnavailable` (try again),
    `ImproperlyConfigured` where the settings name the other mode than the owner was charged in, and `RuntimeError`
    inside a transaction.
    """
    refuse_open_transaction("billing.close")
    account = CreditAccount.objects.for_owner(owner).first()
    closed = Closed()
    if account is None:
        return closed
    known = list(account.customers.exclude(stripe_id=None))
    for customer in known:
        refuse_other_mode(customer)
    account_closed.send(sender=CreditAccount, account=account)
    checkout.close_open(account)
    _stop_topping_up(account)
    for customer in known:
        _end_subscriptions(str(customer.stripe_id), closed)
        _detach_cards(str(customer.stripe_id), closed)
    if left := account.subscriptions.chargeable().first():
        raise BillingError(f"{left} of {account} could not be ended at Stripe: cancel {left.stripe_id} there.")
    _scrub(account)
    if closed.unknown:
        logger.warning("Closing %s: Stripe does not know %s; nothing was ended there.", account, closed.unknown)
    return closed


@owner_guard
def still_charged(account: CreditAccount) -> tuple[str, Iterable[models.Model]]:
    remedy = _("Close the billing of %(owner)s before you delete them: quickscale_billing.billing.close(owner).")
    agreed, pending = AutoTopUp.objects.on().filter(account=account), TopUp.objects.pending().filter(account=account)
    return remedy % {"owner": account}, [*account.subscriptions.chargeable(), *agreed, *pending]


def _stop_topping_up(account: CreditAccount) -> None:
    with stopping.locked(account):
        stopping.stop(account, AutoTopUp.Reason.CLOSED)
    collecting.discard_pending(account)


def _end_subscriptions(customer_id: str, closed: Closed) -> None:
    """As Stripe has them, also those of which no event was heard; then what is left of ours."""
    found = if_known(partial(retrieving.subscriptions_of, customer_id))
    if found is None:
        closed.unknown.append(customer_id)
    for stripe_id in found or []:
        if_known(partial(changing.cancel_now, stripe_id))  # it may have ended in this moment
        closed.canceled.append(stripe_id)
        _settle(stripe_id)
    for subscription in PlanSubscription.objects.chargeable().filter(stripe_customer_id=customer_id):
        if if_known(partial(retrieving.subscription, subscription.stripe_id)) is None:
            facts.end_unknown_subscription(subscription)
            closed.unknown.append(subscription.stripe_id)
        else:
            _settle(subscription.stripe_id)


def _detach_cards(customer_id: str, closed: Closed) -> None:
    found, _default = if_known(partial(methods.of_customer, customer_id)) or ([], None)
    for method in found:
        methods.detach(method["id"])
        closed.detached.append(method["id"])


def _settle(stripe_id: str) -> None:
    """What cannot be booked is told elsewhere; that it has ended, the row says all the same."""
    with suppress(Unsettled):
        facts.settle_subscription(stripe_id)


def _scrub(account: CreditAccount) -> None:
    for customer in account.customers.exclude(stripe_id=None):
        forget(str(customer.stripe_id))
    with transaction.atomic():
        for rows, blanks in _personal(account):
            rows.update(**blanks)
        erasing.forget(account)


def _personal(account: CreditAccount) -> Iterator[tuple[models.QuerySet[Any], dict[str, Any]]]:
    """Who they are, what staff wrote of them, and pages of Stripe, which whoever has their address can read."""
    agreement = {"consented_by": "", "consent_wording": ""}
    yield Customer.objects.filter(account=account), {"email": ""}
    yield CheckoutSession.objects.filter(account=account), {"url": "", "success_url": "", "cancel_url": ""}
    yield PlanSubscription.objects.filter(account=account), {"invoice_url": ""}
    yield Invoice.objects.filter(account=account), {"hosted_url": "", "pdf_url": ""}
    yield Refund.objects.filter(payment__account=account), {"reason": "", "problem": ""}
    yield Receipt.objects.filter(payment__account=account), {"buyer": []}
    yield AutoTopUp.objects.filter(account=account), agreement
    yield TopUpConsent.objects.filter(account=account), agreement
    yield TopUp.objects.filter(account=account), {"hosted_url": "", "problem": ""}
