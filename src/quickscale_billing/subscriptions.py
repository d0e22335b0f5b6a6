"""An owner's subscription: reading it, and changing it at Stripe."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from quickscale_billing import catalog, facts, plan_changes
from quickscale_billing.exceptions import BillingError, NoSubscription, PaymentActionRequired, UnknownItem, Unsettled
from quickscale_billing.models import CreditPack, Plan, PlanPrice, PlanSubscription
from quickscale_billing.plan_changes import ChangeKind, ChangePreview
from quickscale_billing.stripe import changing
from quickscale_credits.models import CreditAccount
from quickscale_credits.owners import owner_required

Owner = Model | CreditAccount
Status = PlanSubscription.Status

__all__ = [
    "ChangeKind",
    "ChangePreview",
    "cancel",
    "change_plan",
    "current",
    "is_active",
    "preview_change",
    "resume",
    "subscription_required",
]


def current(owner: Owner) -> PlanSubscription | None:
    """The one that lives: in trial, active, or with a payment that is late. Of several, a paid one, then the newest."""
    live = PlanSubscription.objects.live().filter(account__in=CreditAccount.objects.for_owner(owner))
    found = sorted(live.select_related("price__plan"), key=lambda each: (each.is_paid_up, each.created_at, each.pk))
    return found[-1] if found else None


def is_active(owner: Owner, plan: Plan | str | None = None) -> bool:
    """Whether there is one, to this plan if one is named, for which nothing is owed: in trial or active."""
    live = PlanSubscription.objects.paid_up().filter(account__in=CreditAccount.objects.for_owner(owner))
    return live.filter(price__plan__slug=_slug(plan)).exists() if plan is not None else live.exists()


def subscription_required(plan: Any = None) -> Any:
    """For views: whoever has no active subscription (to this plan) is led to the pricing page, a visitor to log in."""
    if callable(plan):
        return _required(plan, None)
    return lambda view: _required(view, plan)


def preview_change(owner: Owner, plan: Plan | str, *, interval: str = "month") -> ChangePreview:
    """What `change_plan` would do now. Raises as it does; nothing changes."""
    subscription = _changeable(owner)
    return plan_changes.preview(subscription, _price(subscription, plan, interval))


def change_plan(owner: Owner, plan: Plan | str, *, interval: str = "month") -> PlanSubscription:
    """To a higher plan at once, charging the difference; to a lower one when the period that is paid has ended.

    Raises `PaymentActionRequired` when the payment waits for the owner, and the plan with it; `NoSubscription`,
    `UnknownItem`, `StripeUnavailable` (try again), and `RuntimeError` inside a transaction.
    """
    subscription = _changeable(owner)
    plan_changes.make(subscription, _price(subscription, plan, interval))
    subscription = facts.settle_subscription(subscription.stripe_id)
    if subscription.pending_price is not None:
        raise PaymentActionRequired(subscription.invoice_url)
    return subscription


def cancel(owner: Owner, *, at_period_end: bool = True) -> PlanSubscription:
    """At the end of the period, or now: then no refill falls due any more, and what was given stays until it expires.

    What was paid is not paid back. Raises `NoSubscription`.
    """
    subscription = _live(owner)
    if at_period_end:
        changing.cancel_at_period_end(_released(subscription).stripe_id, cancel=True)
    else:
        changing.cancel_now(subscription.stripe_id)
    return facts.settle_subscription(subscription.stripe_id)


def resume(owner: Owner) -> PlanSubscription:
    """Take back a cancelation or a change that has not come into effect. Raises `NoSubscription`."""
    subscription = _released(_live(owner))
    if subscription.ends_at is not None:
        changing.cancel_at_period_end(subscription.stripe_id, cancel=False)
    return facts.settle_subscription(subscription.stripe_id)


def _live(owner: Owner) -> PlanSubscription:
    """As Stripe has it now."""
    subscription = current(owner)
    if subscription is not None:
        subscription = _settled(subscription)
    if subscription is None or not subscription.is_live:
        raise NoSubscription(f"{owner} has no live subscription.")
    return subscription


def _settled(subscription: PlanSubscription) -> PlanSubscription:
    """What cannot be booked is told elsewhere: it must not keep the owner from canceling."""
    try:
        return facts.settle_subscription(subscription.stripe_id)
    except Unsettled:
        subscription.refresh_from_db()
        return subscription


def _changeable(owner: Owner) -> PlanSubscription:
    subscription = _live(owner)
    if subscription.is_paid_up:
        return subscription
    if subscription.invoice_url:
        raise PaymentActionRequired(subscription.invoice_url)
    raise BillingError(f"The subscription is {subscription.get_status_display()}: it cannot be changed now.")


def _released(subscription: PlanSubscription) -> PlanSubscription:
    if subscription.stripe_schedule_id:
        changing.release(subscription.stripe_schedule_id)
    return subscription


def _price(subscription: PlanSubscription, plan: Plan | str, interval: str) -> PlanPrice:
    found = catalog.find(plan)
    if isinstance(found, CreditPack):
        raise UnknownItem(f"{found.slug!r} is a pack: a subscription changes to a plan.")
    price = catalog.price_of(found, interval, subscription.price.currency if subscription.price else None)
    catalog.ensure_pushed(found, price)
    return price


def _required(view: Callable[..., HttpResponseBase], plan: Plan | str | None) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        @owner_required
        def checked(request: HttpRequest, owner: Model) -> HttpResponseBase:
            return view(request, *args, **kwargs) if is_active(owner, plan) else _led_to_pricing(request)

        return checked(request)

    return wrapped


def _led_to_pricing(request: HttpRequest) -> HttpResponseBase:
    try:
        address = reverse("quickscale_billing:pricing")
    except NoReverseMatch:
        raise PermissionDenied(_("This needs a subscription.")) from None
    return HttpResponseRedirect(f"{address}?{urlencode({'next': request.get_full_path()})}")


def _slug(plan: Plan | str) -> str:
    return plan.slug if isinstance(plan, Plan) else plan
