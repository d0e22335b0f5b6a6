"""What a fact is worth in credits. The only caller of the ledger's verbs in this app; each within the caller's
transaction, in which the fact's row is written too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import Fact, Refill
from quickscale_credits import ledger
from quickscale_credits.ledger.joining import OwnKey
from quickscale_credits.models import CreditAccount, CreditGrant, CreditType

PREFIX = "qs:"


def record(
    kind: Fact.Kind,
    key: str,
    account: CreditAccount,
    amount: Decimal,
    *,
    stripe_id: str,
    credit_type: CreditType = CreditType.SUBSCRIPTION,
    expires_at: datetime | None = None,
    refill: Refill | None = None,
    note: str = "",
) -> Fact | None:
    """Write the fact, and grant the credits if there are any; None if it is known already.

    Raises `Unsettled` when it is known as another account's: that is to be looked at, and never a second grant.
    """
    if is_known(key, account):
        return None
    entry = None
    if amount:
        entry = ledger.grant(
            account,
            amount,
            credit_type=credit_type,
            reason=kind.value,
            expires_at=expires_at,
            reference=stripe_id,
            idempotency_key=OwnKey(PREFIX + key),
        )
    return Fact.objects.create(
        key=key, kind=kind, account=account, entry=entry, refill=refill, stripe_id=stripe_id, note=note
    )


def is_known(key: str, account: CreditAccount) -> bool:
    known = Fact.objects.filter(key=key).first()
    if known is not None and known.account_id != account.pk:
        raise Unsettled(
            f"{key} was booked for account {known.account_id}; Stripe's customer belongs to account {account.pk} now. "
            "Nothing was given twice: find out whose it is, and correct the ledger by hand."
        )
    return known is not None


def end(grants: Iterable[CreditGrant], *, reason: str, most: Decimal | None = None) -> Decimal:
    """Expire what is free of these grants, at most so much in all; answers how much it was.

    The account must be locked, or what is free changes between reading and ending it.
    """
    ended = Decimal(0)
    for grant in grants:
        left = free(grant) if most is None else min(free(grant), most - ended)
        if left > 0:
            ledger.expire_grant(grant, left, reason=reason)
            ended += left
    return ended


def free(grant: CreditGrant) -> Decimal:
    """What can still be spent of it now, whether its expiry was booked already or not."""
    is_over = grant.expires_at is not None and grant.expires_at <= timezone.now()
    return Decimal(0) if is_over else grant.remaining


def used(grants: Iterable[CreditGrant]) -> Decimal:
    """What was spent of these grants or is held."""
    return sum((each.amount - each.remaining - each.expired - each.revoked for each in grants), Decimal(0))


def total(account: CreditAccount) -> Decimal:
    return ledger.balance(account).total
