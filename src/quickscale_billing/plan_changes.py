"""What a change of plan comes to: at once or at the end of the period, for how much, and for how many credits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final

from django.utils import timezone

from quickscale_billing import facts
from quickscale_billing.models import Interval, Plan, PlanPrice, PlanSubscription
from quickscale_billing.periods import period_at
from quickscale_billing.stripe import changing
from quickscale_billing.windows import moment

LENGTHS: Final = {
    Interval.DAY: timedelta(days=1),
    Interval.WEEK: timedelta(days=7),
    Interval.MONTH: timedelta(days=365) / 12,
    Interval.YEAR: timedelta(days=365),
}


class ChangeKind(Enum):
    STAY = "stay"
    """It is the plan at hand: only what is scheduled is taken back."""
    TRIAL = "trial"
    """In a trial the plan changes at once, and nothing is paid or given."""
    BACK = "back"
    """To what this period is paid for already: at once, for nothing."""
    UPGRADE = "upgrade"
    """At once, for the difference."""
    DOWNGRADE = "downgrade"
    """At the end of the period."""


@dataclass(frozen=True, kw_only=True)
class ChangePreview:
    """`due_now` is in minor units of the currency, with tax; `credits` is what the balance gains at once.

    Where the subscription was canceled, `ends_at` is when it still ends afterwards; or the change takes that back,
    and `resumes`.
    """

    kind: ChangeKind
    plan: Plan
    price: PlanPrice
    due_now: int
    currency: str
    takes_effect_at: datetime
    credits: Decimal
    ends_at: datetime | None
    resumes: bool

    @property
    def is_immediate(self) -> bool:
        return self.kind is not ChangeKind.DOWNGRADE


def kind_of(subscription: PlanSubscription, price: PlanPrice) -> ChangeKind:
    if subscription.stripe_price_id == price.stripe_price_id:
        return ChangeKind.STAY
    if subscription.status == PlanSubscription.Status.TRIALING:
        return ChangeKind.TRIAL
    period = period_at(subscription, timezone.now())
    paid = period.terms_at(timezone.now()) if period else None
    if paid is not None and paid.stripe_price_id == price.stripe_price_id:
        return ChangeKind.BACK
    return ChangeKind.UPGRADE if _is_higher(price, subscription) else ChangeKind.DOWNGRADE


def preview(subscription: PlanSubscription, price: PlanPrice) -> ChangePreview:
    kind = kind_of(subscription, price)
    now, due, gained = timezone.now(), 0, Decimal(0)
    if kind is ChangeKind.UPGRADE:
        invoice, due = changing.preview(subscription.stripe_id, *_item_and(subscription, price))
        gained = facts.worth_of(subscription, invoice)
    is_later = kind is ChangeKind.DOWNGRADE
    at_end = is_later and subscription.current_period_end
    return ChangePreview(
        kind=kind,
        plan=price.plan,
        price=price,
        due_now=due,
        currency=price.currency,
        takes_effect_at=at_end or now,
        credits=gained,
        ends_at=_end_after(kind, subscription, price),
        resumes=is_later and subscription.ends_at is not None,
    )


def _end_after(kind: ChangeKind, subscription: PlanSubscription, price: PlanPrice) -> datetime | None:
    if kind is ChangeKind.DOWNGRADE:
        return None
    begins_anew = kind is ChangeKind.UPGRADE and price.interval != subscription.interval
    if begins_anew and subscription.cancel_at_period_end:
        return moment(timezone.now(), price.interval, 1)
    return subscription.ends_at


def make(subscription: PlanSubscription, price: PlanPrice) -> None:
    """At Stripe; a schedule that holds the subscription is released first."""
    kind = kind_of(subscription, price)
    if subscription.stripe_schedule_id:
        changing.release(subscription.stripe_schedule_id)
    if kind is ChangeKind.UPGRADE:
        changing.charge_now(subscription.stripe_id, *_item_and(subscription, price), key=_key(subscription, price))
    elif kind in (ChangeKind.TRIAL, ChangeKind.BACK):
        changing.change_unpaid(subscription.stripe_id, *_item_and(subscription, price))
    elif kind is ChangeKind.DOWNGRADE:
        _schedule(subscription, price)


def _schedule(subscription: PlanSubscription, price: PlanPrice) -> None:
    """Whoever chooses what comes next means to go on."""
    if subscription.cancel_at_period_end:
        changing.cancel_at_period_end(subscription.stripe_id, cancel=False)
    changing.change_at(
        subscription.stripe_id,
        str(price.stripe_price_id),
        price.interval,
        at=subscription.current_period_end or timezone.now(),
    )


def _is_higher(price: PlanPrice, subscription: PlanSubscription) -> bool:
    """More credits for the time; for as many, to be paid for longer ahead; for as long, a higher price."""
    current = subscription.price
    return current is None or _rank(price) > _rank(current)


def _rank(price: PlanPrice) -> tuple[Decimal, timedelta, int]:
    plan = price.plan
    a_day = plan.credits / Decimal(LENGTHS[Interval(plan.refill_every)] / timedelta(days=1))
    return a_day, LENGTHS[Interval(price.interval)], price.amount


def _item_and(subscription: PlanSubscription, price: PlanPrice) -> tuple[str, str]:
    return str(subscription.stripe_item_id), str(price.stripe_price_id)


def _key(subscription: PlanSubscription, price: PlanPrice) -> str:
    """The same for the same change of the same subscription as it is: a second press of the button charges nothing."""
    last = subscription.segments.order_by("pk").last()
    state = f"{subscription.stripe_price_id}-{last.stripe_invoice_id if last else ''}-{timezone.now():%Y%m%d%H}"
    return f"quickscale-change-{subscription.stripe_id}-{price.stripe_price_id}-{state}"
