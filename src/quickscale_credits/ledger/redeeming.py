"""Credits for a code."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from quickscale_credits.exceptions import CodeNotRedeemable
from quickscale_credits.ledger.granting import grant
from quickscale_credits.ledger.locking import Owner, Tx, lock, make, transact
from quickscale_credits.ledger.requests import checked_text
from quickscale_credits.models import LedgerEntry, RedeemCode, Redemption


def redeem(owner: Owner, code: str) -> LedgerEntry:
    """Grant what the code promises. Upper and lower case are the same.

    Raises `CodeNotRedeemable`, alike for a code that is unknown, used up, expired or not yet valid.
    """

    _check_is_text(code)

    def work(tx: Tx) -> LedgerEntry:
        campaign = _open_campaign(tx, code)
        book = lock(tx, owner) or make(tx, owner)
        used = Redemption.objects.using(tx.using).filter(code=campaign, account_id=book.id).count()
        if used >= campaign.uses_per_owner:
            raise CodeNotRedeemable(code)
        with transaction.atomic(using=tx.using):
            _claim(tx, campaign, code)
            entry = _give(owner, campaign)
            Redemption.objects.using(tx.using).create(code=campaign, account_id=book.id, entry=entry)
        return entry

    return transact(work)


def _check_is_text(code: str) -> None:
    """What some databases refuse to compare is unknown on every database."""
    try:
        checked_text("code", code)
    except ValueError:
        raise CodeNotRedeemable(code) from None


def _open_campaign(tx: Tx, code: str) -> RedeemCode:
    now = timezone.now()
    campaigns = RedeemCode.objects.using(tx.using).filter(is_active=True)
    begun = Q(valid_from=None) | Q(valid_from__lte=now)
    not_over = Q(valid_until=None) | Q(valid_until__gt=now)
    found = campaigns.filter(begun, not_over, _has_budget(), code=RedeemCode.normalized(code)).first()
    if found is None:
        raise CodeNotRedeemable(code)
    return found


def _claim(tx: Tx, campaign: RedeemCode, code: str) -> None:
    """Take it out of the budget, which others may be doing too."""
    row = RedeemCode.objects.using(tx.using).filter(_has_budget(), pk=campaign.pk)
    if not row.update(redeemed=F("redeemed") + F("amount")):
        raise CodeNotRedeemable(code)


def _has_budget() -> Q:
    return Q(budget=None) | Q(budget__gte=F("redeemed") + F("amount"))


def _give(owner: Owner, campaign: RedeemCode) -> LedgerEntry:
    return grant(
        owner,
        campaign.amount,
        credit_type=campaign.credit_type,
        reason="redeem",
        reference=campaign.code,
        expires_at=None if campaign.expires_in is None else timezone.now() + campaign.expires_in,
    )
