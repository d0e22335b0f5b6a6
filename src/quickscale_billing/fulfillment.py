"""What a fact is worth in credits. The only caller of the ledger's verbs in this app; each within the caller's
transaction, in which the fact's row is written too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final

from django.db.models import Sum
from django.utils import timezone

from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import Fact, Refill
from quickscale_billing.shares import share
from quickscale_credits import ledger
from quickscale_credits.ledger.joining import OwnKey
from quickscale_credits.models import CreditAccount, CreditGrant, CreditType, Hold, LedgerEntry

PREFIX = "qs:"
ALL: Final = Fraction(1)


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
    kept: Fraction = ALL,
    note: str = "",
) -> Fact | None:
    """Write the fact, and grant the credits if there are any; None if it is known already.

    `kept` is the share of the money that has not gone back already: so much of the amount is given.

    Raises `Unsettled` when it is known as another account's: that is to be looked at, and never a second grant.
    """
    if is_known(key, account):
        return None
    entry = None
    if given := share(amount, kept):
        entry = ledger.grant(
            account,
            given,
            credit_type=credit_type,
            reason=kind.value,
            expires_at=expires_at,
            reference=stripe_id,
            idempotency_key=OwnKey(PREFIX + key),
        )
    return Fact.objects.create(
        key=key, kind=kind, account=account, entry=entry, refill=refill, stripe_id=stripe_id, worth=amount, note=note
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


def revoke(grant: CreditGrant, amount: Decimal, *, reason: str, step: str, allow_debt: bool) -> LedgerEntry | None:
    return ledger.revoke(grant, amount, reason=reason, allow_debt=allow_debt, idempotency_key=OwnKey(PREFIX + step))


def older_debt_paid(grant: CreditGrant) -> Decimal:
    """What of these credits paid a debt that there was before, less what has become a debt again."""
    revoked = LedgerEntry.objects.filter(grant=grant, kind=LedgerEntry.Kind.REVOCATION)
    again = revoked.aggregate(sum=Sum("debt"))["sum"] or Decimal(0)
    grant.refresh_from_db(fields=["debt_paid"])
    left: Decimal = grant.debt_paid - again
    return max(Decimal(0), left)


def reverse(revocation: LedgerEntry, amount: Decimal, *, reason: str, step: str) -> LedgerEntry:
    return ledger.reverse(revocation, amount, reason=reason, idempotency_key=OwnKey(PREFIX + step))


def give_again(fact: Fact, amount: Decimal, *, expires_at: datetime | None, step: str) -> LedgerEntry:
    """What a fact did not give in its time, of the same type."""
    is_bought = fact.kind in (Fact.Kind.PACK, Fact.Kind.TOP_UP)
    return ledger.grant(
        fact.account,
        amount,
        credit_type=CreditType.PAY_AS_YOU_GO if is_bought else CreditType.SUBSCRIPTION,
        reason="money_returned",
        expires_at=expires_at,
        reference=fact.stripe_id,
        idempotency_key=OwnKey(PREFIX + step),
    )


def record_step(fact: Fact, entry: LedgerEntry, *, step: str) -> None:
    """That the credits of a fact followed its money once more."""
    Fact.objects.create(
        key=step,
        kind=Fact.Kind.CLAWBACK,
        account=fact.account,
        entry=entry,
        refill=fact.refill,
        stripe_id=fact.stripe_id,
        worth=entry.amount,
    )


def freeze(grant: CreditGrant, *, reference: str) -> Hold:
    return ledger.freeze(grant, reason="dispute", reference=reference)


def frozen(grant: CreditGrant) -> Decimal:
    """What a dispute keeps of it."""
    holds = Hold.objects.filter(grant=grant, status=Hold.Status.OPEN, expires_at=None)
    return holds.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def end_frozen(grants: Iterable[CreditGrant], *, reason: str, most: Decimal) -> Decimal:
    """Take what is frozen of these grants, at most so much in all; answers how much it was. The rest stays frozen."""
    ended = Decimal(0)
    for grant in grants:
        if (part := min(frozen(grant), most - ended)) > 0:
            ledger.revoke(grant, part, reason=reason, allow_debt=False)
            ended += part
    return ended


def thaw(hold: Hold) -> None:
    """Let go what a dispute has frozen, if it was not taken meanwhile."""
    if hold.status == Hold.Status.OPEN:
        ledger.release(hold)


def credit_back(refill: Refill, amount: Decimal, kept: Fraction) -> None:
    """Let what gave the refill be worth less, the newest first: its time was credited back, so its money is settled."""
    for fact in refill.facts.exclude(kind=Fact.Kind.CLAWBACK).select_related("entry").order_by("-pk"):
        part = min(amount, fact.worth)
        given = (fact.entry.amount if fact.entry else Decimal(0)) - fact.credited_back
        fact.worth -= part
        fact.credited_back += min(given, share(part, kept))
        fact.save(update_fields=["worth", "credited_back"])
        amount -= part


def free(grant: CreditGrant) -> Decimal:
    """What can still be spent of it now, whether its expiry was booked already or not."""
    is_over = grant.expires_at is not None and grant.expires_at <= timezone.now()
    return Decimal(0) if is_over else grant.remaining


def used(grants: Iterable[CreditGrant]) -> Decimal:
    """What was spent of these grants or is held; what is frozen is neither."""
    gone = (each.amount - each.remaining - each.expired - each.revoked - frozen(each) for each in grants)
    return sum(gone, Decimal(0))


def total(account: CreditAccount) -> Decimal:
    return ledger.balance(account).total
