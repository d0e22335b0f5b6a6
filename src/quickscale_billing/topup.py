"""Packs that are bought by themselves when credits run low, as the owner agreed."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.utils import timezone

from quickscale_billing import catalog, collecting, payment_methods, stopping
from quickscale_billing.exceptions import (
    BillingError,
    DisputeOpen,
    NoPaymentMethod,
    PackChanged,
    StripeUnavailable,
    UnknownItem,
)
from quickscale_billing.models import AutoTopUp, CreditPack, Dispute, TopUpConsent
from quickscale_credits.amounts import from_micro, to_positive_micro
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.ledger.joining import checked_actor, open_account, refuse_open_transaction
from quickscale_credits.models import CreditAccount

logger = logging.getLogger(__name__)

Owner = Model | CreditAccount

ANEW: Final = {
    "state": AutoTopUp.State.ON,
    "reason": "",
    "failures": 0,
    "next_attempt_at": None,
    "stopped_at": None,
}


def current(owner: Owner) -> AutoTopUp | None:
    """What the owner agreed to last, on or off; None for who never did."""
    accounts = CreditAccount.objects.for_owner(owner)
    return AutoTopUp.objects.select_related("pack", "account").filter(account__in=accounts).first()


def offer_of(pack: CreditPack) -> str:
    """What is said of a pack to whoever is asked to agree, in a form that goes into a page and comes back."""
    return f"{pack.slug}:{pack.amount}:{pack.currency}:{pack.credits}:{pack.bonus_credits}"


def turn_on(
    owner: Owner,
    pack: CreditPack | str,
    *,
    threshold: int | Decimal | str,
    monthly_cap: int,
    wording: str,
    actor: Any,
    offer: str | None = None,
) -> AutoTopUp:
    """Let a pack be bought at its price of now, whenever fewer than `threshold` credits are available, for at most
    `monthly_cap` minor units, tax included, in a calendar month (UTC). What was agreed before is replaced.

    `actor` is the user who agreed, to these words (`wording`): both are kept, each time. `offer` is what they were
    shown, as `offer_of` said it then; without it, the pack as it is when this is called. Raises `PackChanged` if the
    pack is another when the word is written down; `UnknownItem` for what is no pack on sale; `NoPaymentMethod`
    without a default one; `DisputeOpen` while a payment is disputed; `ValueError` for a threshold above what the
    pack gives, or a cap below its price; `StripeUnavailable`; `RuntimeError` in a transaction.
    """
    refuse_open_transaction("topup.turn_on")
    sold = catalog.find(pack)
    if not isinstance(sold, CreditPack):
        raise UnknownItem(f"{sold.slug!r} is a plan: only packs can be topped up with.")
    offer, consent = offer or offer_of(sold), _consent(wording, actor)
    if payment_methods.charged(owner) is None:
        raise NoPaymentMethod(f"{owner} has no default payment method: one must be added first.")
    with stopping.locked(open_account(owner)) as account:
        if Dispute.objects.open().filter(payment__account=account).exists():
            raise DisputeOpen(f"A payment of {account} is disputed: nothing is charged by itself until that is over.")
        sold = _as_offered(sold, offer)
        terms = _checked(sold, threshold, monthly_cap) | consent
        agreed, _ = AutoTopUp.objects.update_or_create(account=account, defaults=ANEW | terms | {"pack": sold})
        TopUpConsent.objects.create(account=account, pack=sold, **terms)
    return agreed


def turn_off(owner: Owner) -> AutoTopUp | None:
    """Nothing is bought by itself any more, and what was not paid by now is given up; None for who never agreed to any.

    Raises `RuntimeError` inside a transaction. Where Stripe does not answer, or refuses, the sweep gives up what is
    under way.
    """
    return stop(owner, AutoTopUp.Reason.OWNER)


def stop(owner: Owner, reason: AutoTopUp.Reason) -> AutoTopUp | None:
    """`turn_off`, for another reason."""
    refuse_open_transaction("topup.turn_off")
    agreed = current(owner)
    if agreed is None:
        return None
    with stopping.locked(agreed.account) as account:
        stopping.stop(account, reason)
    _give_up_pending(agreed.account)
    return current(owner)


def _give_up_pending(account: CreditAccount) -> None:
    """It is off whatever Stripe says: the sweep goes on with what is not wanted, and tells the operator."""
    try:
        collecting.discard_pending(account)
    except StripeUnavailable:
        return
    except (BillingError, CreditsError, ImproperlyConfigured):
        logger.exception("A top-up that is not wanted any more could not be given up; the next sweep tries again.")


def _as_offered(pack: CreditPack, offer: str) -> CreditPack:
    """As it is now, and stays until the transaction ends."""
    now: CreditPack | None = CreditPack.objects.for_sale().select_for_update().filter(pk=pack.pk).first()
    if now is None or offer_of(now) != offer:
        sold = offer_of(now) if now else "nothing"
        raise PackChanged(f"{pack.slug!r} was shown as {offer}, and is sold as {sold} now: show it, and ask again.")
    return now


def _checked(pack: CreditPack, threshold: int | Decimal | str, monthly_cap: int) -> dict[str, Any]:
    below = from_micro(to_positive_micro(threshold))
    given = pack.credits + pack.bonus_credits
    if below > given:
        raise ValueError(
            f"The pack {pack.slug!r} gives {given} credits: that many is the highest threshold, not {below}."
        )
    if isinstance(monthly_cap, bool) or not isinstance(monthly_cap, int) or monthly_cap < pack.amount:
        raise ValueError(
            f"monthly_cap must be minor units that allow the pack once ({pack.amount} {pack.currency}), "
            f"not {monthly_cap!r}."
        )
    return {
        "threshold": below,
        "monthly_cap": monthly_cap,
        "credits": pack.credits,
        "bonus_credits": pack.bonus_credits,
        "amount": pack.amount,
        "currency": pack.currency,
    }


def _consent(wording: str, actor: Any) -> dict[str, Any]:
    if not wording.strip() or actor is None:
        raise ValueError("Somebody must have agreed, to some words: give actor and wording.")
    return {"consent_wording": wording, "consented_by": checked_actor(actor), "consented_at": timezone.now()}
