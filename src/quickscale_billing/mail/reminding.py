"""Letters about what time brings: credits that run low or expire, cards that end."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from quickscale_billing import payment_methods
from quickscale_billing.conf import conf
from quickscale_billing.exceptions import StripeRefused
from quickscale_billing.mail.writing import is_sent, tell
from quickscale_billing.models import AutoTopUp, Mail, PlanSubscription
from quickscale_billing.payment_methods import SOON, PaymentMethod
from quickscale_credits import ledger
from quickscale_credits.conf import conf as credits_conf
from quickscale_credits.models import CreditAccount, CreditGrant

logger = logging.getLogger(__name__)


def tell_that_credits_are_low(account: CreditAccount, **kwargs: Any) -> None:
    """A receiver of `balance_low`. Until something is booked again it is the same letter."""
    if not is_sent(Mail.Kind.CREDITS_LOW):
        return
    threshold = account.low_balance_threshold
    about = {
        "available": str(ledger.balance(account).available),
        "threshold": str(credits_conf.LOW_BALANCE_THRESHOLD if threshold is None else threshold),
    }
    tell(Mail.Kind.CREDITS_LOW, f"{account.pk}:{account.sequence}", account, about=about)


def expiring_credits() -> Iterator[bool]:
    """A letter for each account and day on which credits expire within `MAIL_BEFORE_EXPIRY`; whether each is new.

    Credits that were given for less than twice that time are passed over: their owner knows that they come and go.
    """
    if not is_sent(Mail.Kind.CREDITS_EXPIRING):
        return
    for account, day, grants in _by_account_and_day():
        about = {
            "credits": str(sum((each.remaining for each in grants), Decimal(0))),
            "expires_at": min(each.expires_at for each in grants if each.expires_at).isoformat(),
        }
        yield tell(Mail.Kind.CREDITS_EXPIRING, f"{account.pk}:{day}", account, about=about)


def expiring_cards() -> Iterator[bool]:
    """A letter for each card that ends within thirty days and is to pay for what goes on; whether each is new.

    Stripe is asked for each owner with a subscription or an auto top-up: call it once a day, never in a transaction.
    Raises `StripeUnavailable`.
    """
    if not is_sent(Mail.Kind.CARD_EXPIRING):
        return
    renewing = PlanSubscription.objects.live().filter(cancel_at_period_end=False, cancel_at=None)
    charged = Q(pk__in=renewing.values("account")) | Q(pk__in=AutoTopUp.objects.on().values("account"))
    for account in CreditAccount.objects.filter(charged).order_by("pk"):
        for card in _cards(account):
            if card.is_default and card.expires_at and card.expires_at <= timezone.now() + SOON:
                yield _tell_of_card(account, card)


def _cards(account: CreditAccount) -> list[PaymentMethod]:
    """None for who is unknown to Stripe: the others are not to wait for that."""
    try:
        return payment_methods.list(account)
    except StripeRefused:
        logger.exception("The cards of account %s cannot be read.", account.pk)
        return []


def _tell_of_card(account: CreditAccount, card: PaymentMethod) -> bool:
    month = f"{card.exp_month:02}/{card.exp_year}"
    about = {"card": str(card), "month": month, "has_expired": card.has_expired}
    return tell(Mail.Kind.CARD_EXPIRING, f"{card.id}:{month}", account, about=about)


def _by_account_and_day() -> Iterator[tuple[CreditAccount, date, list[CreditGrant]]]:
    within = conf.MAIL_BEFORE_EXPIRY
    found: dict[tuple[CreditAccount, date], list[CreditGrant]] = defaultdict(list)
    soon = CreditGrant.objects.expiring(within).filter(account__owner__isnull=False).select_related("account")
    for grant in soon.order_by("account", "expires_at").iterator():
        if grant.expires_at and grant.expires_at - grant.created_at >= 2 * within:
            found[grant.account, timezone.localdate(grant.expires_at)].append(grant)
    for (account, day), grants in found.items():
        yield account, day, grants
