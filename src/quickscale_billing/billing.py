"""The end of an owner's billing: `from quickscale_billing import billing`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from django.db import models, transaction
from django.utils.translation import gettext as _

from quickscale_billing import checkout, collecting, facts, stopping
from quickscale_billing.exceptions import BillingError, Unsettled
from quickscale_billing.mail import erasing
from quickscale_billing.models import AutoTopUp, CheckoutSession, Customer, PlanSubscription, Receipt, TopUp
from quickscale_billing.stripe import changing, methods, retrieving
from quickscale_billing.stripe.forgetting import forget
from quickscale_credits.erasing import owner_guard
from quickscale_credits.ledger.joining import refuse_open_transaction
from quickscale_credits.models import CreditAccount
from quickscale_credits.signals import account_closed


def close(owner: models.Model | CreditAccount) -> None:
    """End all for which this owner could still be charged, and forget who they are; then they may be deleted.

    Cancels at Stripe now, without paying back; closes pages of Stripe that are open; tops up no more; revokes API keys
    and what else listens to `account_closed`; detaches payment methods; blanks personal data in our rows and
    dj-stripe's. Credits and entries stay. It may be called again, also after it was cut off. Raises `StripeUnavailable`
    (try again), and `RuntimeError` inside a transaction.
    """
    refuse_open_transaction("billing.close")
    account = CreditAccount.objects.for_owner(owner).first()
    if account is None:
        return
    account_closed.send(sender=CreditAccount, account=account)
    checkout.close_open(account)
    _stop_topping_up(account)
    for customer in account.customers.exclude(stripe_id=None):
        _end_subscriptions(str(customer.stripe_id))
        _detach_cards(str(customer.stripe_id))
    if left := account.subscriptions.chargeable().first():
        raise BillingError(f"{left} of {account} could not be ended at Stripe: cancel {left.stripe_id} there.")
    _scrub(account)


@owner_guard
def still_charged(account: CreditAccount) -> tuple[str, Iterable[models.Model]]:
    remedy = _("Close the billing of %(owner)s before you delete them: quickscale_billing.billing.close(owner).")
    agreed, pending = AutoTopUp.objects.on().filter(account=account), TopUp.objects.pending().filter(account=account)
    return remedy % {"owner": account}, [*account.subscriptions.chargeable(), *agreed, *pending]


def _stop_topping_up(account: CreditAccount) -> None:
    with stopping.locked(account):
        stopping.stop(account, AutoTopUp.Reason.CLOSED)
    collecting.discard_pending(account)


def _end_subscriptions(customer_id: str) -> None:
    """As Stripe has them, also those of which no event was heard."""
    for stripe_id, schedule_id in retrieving.subscriptions_of(customer_id):
        if schedule_id is not None:  # Stripe refuses to cancel what a schedule holds
            changing.release(schedule_id)
        changing.cancel_now(stripe_id)
        _settle(stripe_id)
    for subscription in PlanSubscription.objects.chargeable().filter(stripe_customer_id=customer_id):
        _settle(subscription.stripe_id)


def _detach_cards(customer_id: str) -> None:
    found, _default = methods.of_customer(customer_id)
    for method in found:
        methods.detach(method["id"])


def _settle(stripe_id: str) -> None:
    """What cannot be booked is told elsewhere; that it has ended, the row says all the same."""
    with suppress(Unsettled):
        facts.settle_subscription(stripe_id)


def _scrub(account: CreditAccount) -> None:
    for customer in account.customers.exclude(stripe_id=None):
        forget(str(customer.stripe_id))
    with transaction.atomic():
        known, visits = Customer.objects.filter(account=account), CheckoutSession.objects.filter(account=account)
        known.update(email="")
        visits.update(url="", success_url="", cancel_url="")
        agreed = AutoTopUp.objects.filter(account=account)
        agreed.update(consented_by="", consent_wording="")
        erasing.forget(account)
        receipts = Receipt.objects.filter(payment__account=account)
        receipts.update(buyer=[])
