"""The owner's subscription: what it is, what is next, and changing it after a preview."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Min, Model, Prefetch
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from quickscale_billing import subscriptions
from quickscale_billing.models import Interval, Plan, PlanPrice, PlanSubscription
from quickscale_billing.views.telling import asking_stripe_for
from quickscale_credits.models import CreditAccount
from quickscale_credits.owners import owner_required

PAGE = "quickscale_billing:subscription"
asking = asking_stripe_for(PAGE, refused=gettext_lazy("Your subscription cannot be changed now. Nothing was charged."))


@never_cache
@require_safe
@owner_required
def page(request: HttpRequest, owner: Model) -> HttpResponse:
    subscription = subscriptions.current(owner) or _last(owner)
    context = {
        "subscription": subscription,
        "prices": _prices(subscription) if subscription and subscription.is_paid_up else [],
        "next_refill_at": subscription and subscription.segments.aggregate(at=Min("next_refill_at"))["at"],
        "paid": subscription and subscription.segments.select_related("plan").order_by("starts_at", "pk").last(),
    }
    return render(request, "quickscale_billing/subscription.html", context)


@asking(require_http_methods(["GET", "HEAD", "POST"]))
def change(request: HttpRequest, owner: Model) -> HttpResponseBase:
    """GET shows what the change comes to, POST makes it: `plan` and `interval` say which."""
    asked = request.POST if request.method == "POST" else request.GET
    plan, interval = asked.get("plan", ""), asked.get("interval", Interval.MONTH)
    if request.method != "POST":
        preview = subscriptions.preview_change(owner, plan, interval=interval)
        return render(request, "quickscale_billing/subscription_change.html", {"preview": preview})
    subscription = subscriptions.change_plan(owner, plan, interval=interval)
    if subscription.next_price:
        messages.success(request, _("Your plan changes with the next period."))
    else:
        messages.success(request, _("Your plan is %(plan)s now.") % {"plan": subscription.plan})
    return redirect(PAGE)


@asking(require_POST)
def cancel(request: HttpRequest, owner: Model) -> HttpResponseBase:
    subscriptions.cancel(owner)
    messages.success(request, _("Your subscription ends with the period that is paid."))
    return redirect(PAGE)


@asking(require_POST)
def resume(request: HttpRequest, owner: Model) -> HttpResponseBase:
    subscriptions.resume(owner)
    messages.success(request, _("Your subscription goes on."))
    return redirect(PAGE)


def _last(owner: Model) -> PlanSubscription | None:
    """One that waits for its first payment, or that has ended."""
    accounts = CreditAccount.objects.for_owner(owner)
    return PlanSubscription.objects.filter(account__in=accounts).select_related("price__plan").first()


def _prices(subscription: PlanSubscription) -> list[PlanPrice]:
    """What it can change to: every plan on sale, in its currency."""
    currency = subscription.price.currency if subscription.price else None
    prices = PlanPrice.objects.for_sale().order_by("amount", "pk")
    in_currency = Prefetch("prices", prices.filter(currency=currency) if currency else prices, to_attr="on_sale")
    return [price for plan in Plan.objects.for_sale().prefetch_related(in_currency) for price in plan.on_sale]
