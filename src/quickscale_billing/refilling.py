"""Refills: giving what has fallen due, ending what the one before left, and setting right what a change of terms made
of those that were given. Every function works inside the transaction of `locked`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone

from quickscale_billing import fulfillment, shares
from quickscale_billing.conf import conf
from quickscale_billing.models import Fact, PaidSegment, PlanSubscription, Refill, Unused
from quickscale_billing.periods import Period
from quickscale_billing.windows import Window
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.models import CreditAccount, CreditGrant

logger = logging.getLogger(__name__)


@contextmanager
def locked(subscription: PlanSubscription) -> Iterator[PlanSubscription]:
    """The subscription as it is now, in a transaction that holds it and its account.

    An update locks on every database, where SELECT FOR UPDATE does nothing on SQLite.
    """
    with transaction.atomic():
        PlanSubscription.objects.filter(pk=subscription.pk).update(overdrawn=F("overdrawn"))
        CreditAccount.objects.select_for_update().get(pk=subscription.account_id)
        yield PlanSubscription.objects.select_related("account").get(pk=subscription.pk)


def sweep() -> int:
    """Give all that is due, each subscription in a transaction of its own; answers how many refills were made."""
    return sum(sweep_each())


def sweep_each() -> Iterator[int]:
    """Like `sweep`, for a caller that shows progress: the refills of one subscription after the other."""
    last = 0
    while found := due_subscriptions().filter(pk__gt=last).order_by("pk").first():
        last = found.pk
        yield _sweep_one(found)


def _sweep_one(found: PlanSubscription) -> int:
    try:
        with locked(found) as subscription:
            return refill(subscription, until=timezone.now())
    except CreditsError:
        # The other owners' refills must not wait until somebody has mended this one's ledger.
        logger.exception("What is due for subscription %s cannot be booked.", found.stripe_id)
        return 0


def due_subscriptions() -> models.QuerySet[PlanSubscription]:
    return PlanSubscription.objects.filter(segments__next_refill_at__lte=timezone.now()).distinct()


def refill(subscription: PlanSubscription, *, until: datetime) -> int:
    """Give what falls due up to this moment, the moment included; answers how many refills were made."""
    due = subscription.segments.filter(next_refill_at__lte=until).order_by("starts_at", "pk")
    return sum(_refill_period(subscription, Period.of(billed), until) for billed in due)


def _refill_period(subscription: PlanSubscription, period: Period, until: datetime) -> int:
    billed, made = period.billed, 0
    if shares.is_disputed(billed):
        return 0
    for window in period.windows():
        if billed.next_refill_at is None or window.starts_at < billed.next_refill_at:
            continue
        if window.starts_at > until or window.starts_at >= period.lasts_until:
            break
        _give(subscription, period, window)
        billed.next_refill_at = window.ends_at if window.ends_at < billed.ends_at else None
        made += 1
    if billed.next_refill_at is not None and billed.next_refill_at >= period.lasts_until:
        billed.next_refill_at = None
    billed.save(update_fields=["next_refill_at"])
    return made


def _give(subscription: PlanSubscription, period: Period, window: Window) -> None:
    terms = period.terms_of(window)
    is_missed = terms.unused == Unused.EXPIRE and window.ends_at <= timezone.now()
    worth = Decimal(0) if is_missed else period.worth(window, window.full_length)
    made = Refill.objects.create(
        subscription=subscription,
        period=period.billed,
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        full_length=window.full_length,
        credits=worth,
        state=Refill.State.SKIPPED if is_missed else Refill.State.GRANTED,
    )
    if worth and not shares.of_refill(made):
        Refill.objects.filter(pk=made.pk).update(state=Refill.State.REFUNDED)
    key = f"refill:{subscription.stripe_id}:{window.starts_at:%Y-%m-%dT%H:%M:%SZ}"
    note = "Its time was over before it could be given." if is_missed else ""
    give(subscription, made, worth, terms, kind=Fact.Kind.REFILL, key=key, note=note)
    end_previous(subscription, subscription.refills.latest("starts_at"))


def give(
    subscription: PlanSubscription,
    refill: Refill,
    amount: Decimal,
    terms: PaidSegment,
    *,
    kind: Fact.Kind,
    key: str,
    stripe_id: str = "",
    note: str = "",
) -> Fact | None:
    """Grant credits that last as long as the refill does, less what the owner owes for time that was credited back."""
    owed = min(amount, subscription.overdrawn)
    if owed:
        note = f"{note} {owed} had been spent of a time that Stripe credited back.".strip()
        subscription.overdrawn -= owed
        subscription.save(update_fields=["overdrawn"])
    return fulfillment.record(
        kind,
        key,
        subscription.account,
        amount - owed,
        stripe_id=stripe_id or subscription.stripe_id,
        expires_at=_expiry(refill, terms),
        refill=refill,
        kept=shares.of_refill(refill),
        note=note,
    )


def set_right(
    subscription: PlanSubscription,
    period: Period,
    refill: Refill,
    *,
    kind: Fact.Kind = Fact.Kind.PERIOD,
    key: str = "",
    stripe_id: str = "",
) -> None:
    """After the terms of the period have changed: give what the window is worth more, or end what it is worth less.

    Where more is given, the fact has this kind and key; less needs none.
    """
    terms = period.terms_of(refill)
    difference = period.worth(refill, refill.full_length) - refill.credits
    if not difference or (difference > 0 and _is_over(refill, terms)):
        return
    refill.credits += difference
    refill.save(update_fields=["credits"])
    if difference > 0:
        give(subscription, refill, difference, terms, kind=kind, key=key, stripe_id=stripe_id)
    else:
        _take_back(subscription, refill, -difference)


def _take_back(subscription: PlanSubscription, refill: Refill, amount: Decimal) -> None:
    """What Stripe credited back is ended as far as it is free, or frozen: nobody has spent that, and what was credited
    back is in dispute no more. What was spent of it, later refills give less."""
    grants = list(grants_of(refill).order_by("-pk"))
    used, kept = fulfillment.used(grants), shares.of_refill(refill)
    fulfillment.credit_back(refill, amount, kept)
    amount = shares.share(amount, kept)
    ended = fulfillment.end(grants, reason="plan_change", most=amount)
    ended += fulfillment.end_frozen(grants, reason="plan_change", most=amount - ended)
    owed = min(amount - ended, max(Decimal(0), used - shares.share(refill.credits, kept)))
    if owed > 0:
        subscription.overdrawn += owed
        subscription.save(update_fields=["overdrawn"])


def grants_of(refill: Refill) -> models.QuerySet[CreditGrant]:
    return CreditGrant.objects.filter(entry__fact__refill=refill)


def _is_over(refill: Refill, terms: PaidSegment) -> bool:
    return terms.unused == Unused.EXPIRE and refill.ends_at <= timezone.now()


def expiry_of(refill: Refill) -> datetime | None:
    """When the credits of a refill end; None for those that roll over."""
    return _expiry(refill, Period.of(refill.period).terms_of(refill))


def _expiry(refill: Refill, terms: PaidSegment) -> datetime | None:
    if terms.unused == Unused.ROLLOVER:
        return None
    return refill.ends_at + min(conf.REFILL_GRACE, refill.full_length)


def end_previous(subscription: PlanSubscription, made: Refill) -> None:
    """In the transaction of the next refill the rest of the one before ends: all of it, or what is above the cap.

    Of one that waited for the end of a dispute, while a later one was given, too.
    """
    trial = {"entry__fact__kind": Fact.Kind.TRIAL, "entry__fact__stripe_id": subscription.stripe_id}
    fulfillment.end(CreditGrant.objects.open().filter(**trial), reason="trial_over")
    earlier = subscription.refills.filter(starts_at__lt=made.starts_at)
    previous = earlier.order_by("-starts_at").select_related("period").first()
    if previous is None:
        return
    terms = Period.of(previous.period).terms_of(previous)
    grants = CreditGrant.objects.open().filter(
        entry__fact__refill__subscription=subscription, entry__fact__refill__starts_at__lt=made.starts_at
    )
    carried = []
    for grant in grants.order_by("pk"):
        if grant.expires_at is None:
            carried.append(grant)
        else:
            fulfillment.end([grant], reason="refill_over")
    _cap(carried, terms.rollover_cap)


def _cap(carried: list[CreditGrant], cap: Decimal | None) -> None:
    too_much = sum((grant.remaining for grant in carried), Decimal(0)) - (cap or 0)
    if cap is not None and too_much > 0:
        fulfillment.end(carried, reason="rollover_cap", most=too_much)
