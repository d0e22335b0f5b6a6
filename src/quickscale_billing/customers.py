"""Who an owner is at Stripe: one customer, made there once however many ask at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from quickscale_billing.models import Customer
from quickscale_billing.stripe import customers as at_stripe
from quickscale_billing.stripe.client import is_live
from quickscale_credits.ledger.joining import open_account
from quickscale_credits.models import CreditAccount

# Stripe forgets idempotency keys after a day.
SURELY_REMEMBERED = timedelta(hours=20)


def customer_of(owner: models.Model | CreditAccount) -> Customer:
    """Made at Stripe if there is none. Raises `StripeUnavailable`, and `RuntimeError` inside a transaction."""
    row = _row(open_account(owner), owner)
    refuse_other_mode(row)
    return row if row.stripe_id else _linked(row)


def replaced(customer: Customer) -> Customer:
    """Another customer in place of one that was deleted at Stripe."""
    Customer.objects.filter(pk=customer.pk).update(is_current=None)
    return customer_of(customer.account)


def refuse_other_mode(row: Customer) -> None:
    """Otherwise a slip in the settings would have everybody replaced by customers of the other mode."""
    if row.livemode != is_live():
        modes = {True: "live", False: "test"}
        raise ImproperlyConfigured(
            f"STRIPE_LIVE_MODE says {modes[is_live()]} mode, but this database has sold in {modes[row.livemode]} mode: "
            "use a database of its own for each."
        )


def _row(account: CreditAccount, owner: models.Model | CreditAccount) -> Customer:
    """The row comes first: it holds what Stripe is told, so that a second attempt tells it the same."""
    found = account.customers.filter(is_current=True).first()
    if found is not None:
        return found
    person: Any = account.owner if isinstance(owner, CreditAccount) else owner
    try:
        with transaction.atomic():
            return Customer.objects.create(
                account=account, email=getattr(person, "email", "") or "", livemode=is_live()
            )
    except IntegrityError:
        return account.customers.get(is_current=True)


def _linked(row: Customer) -> Customer:
    made = _made_before(row) or at_stripe.create(reference=str(row.pk), email=row.email)
    Customer.objects.filter(pk=row.pk, stripe_id=None).update(stripe_id=made["id"])
    row.refresh_from_db()
    return row


def _made_before(row: Customer) -> dict[str, Any] | None:
    if timezone.now() - row.created_at < SURELY_REMEMBERED:
        return None
    since = int((row.created_at - timedelta(hours=1)).timestamp())
    return at_stripe.find(reference=str(row.pk), email=row.email, since=since)
