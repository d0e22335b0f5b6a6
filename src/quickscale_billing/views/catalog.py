"""What is for sale: plans by the month or by the year, and packs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render, resolve_url
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from quickscale_billing.models import CreditPack, Interval, Plan, PlanPrice, PlanSubscription
from quickscale_billing.views import onward
from quickscale_credits.models import CreditAccount
from quickscale_credits.owners import owner_for


@never_cache
@require_safe
def pricing(request: HttpRequest) -> HttpResponse:
    """Plans at one interval in one currency, chosen by links: `?interval=year&currency=eur`."""
    plans = list(_plans())
    prices = [price for plan in plans for price in plan.on_sale]
    interval = _chosen(request.GET.get("interval"), [price.interval for price in prices], Interval.MONTH)
    currency = _chosen(request.GET.get("currency"), [price.currency for price in prices], "")
    offered = [(plan, price) for plan in plans if (price := _price(plan, interval, currency))]
    context = {
        "plans": offered,
        "packs": CreditPack.objects.for_sale(),
        "interval": interval,
        "intervals": [each for each in Interval if each in {price.interval for price in prices}],
        "currency": currency,
        "currencies": sorted({price.currency for price in prices}),
    }
    return render(request, "quickscale_billing/pricing.html", context | buying(request))


@never_cache
@require_safe
def plan(request: HttpRequest, slug: str) -> HttpResponse:
    found = next(iter(_plans().filter(slug=slug)), None)
    if found is None or not found.on_sale:
        raise Http404(f"No plan named {slug} is for sale.")
    return render(request, "quickscale_billing/plan.html", {"plan": found, "prices": found.on_sale} | buying(request))


@never_cache
@require_safe
def packs(request: HttpRequest) -> HttpResponse:
    context = {"packs": CreditPack.objects.for_sale()}
    return render(request, "quickscale_billing/packs.html", context | buying(request))


@never_cache
@require_safe
def pack(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(CreditPack.objects.for_sale(), slug=slug)
    return render(request, "quickscale_billing/pack.html", {"pack": found} | buying(request))


def buying(request: HttpRequest) -> dict[str, Any]:
    """What the buttons need: who buys, what they have, and a key that makes a second press the same purchase."""
    owner = owner_for(request)
    return {
        "owner": owner,
        "subscription": owner and _subscription(owner),
        "key": uuid.uuid4(),
        "next": onward.wanted(request),
        "login_url": resolve_url(settings.LOGIN_URL),
    }


def _subscription(owner: Any) -> PlanSubscription | None:
    account = CreditAccount.objects.for_owner(owner).first()
    return account.subscriptions.live().select_related("price__plan").first() if account else None


def _plans() -> Any:
    prices = Prefetch("prices", PlanPrice.objects.for_sale().order_by("amount", "pk"), to_attr="on_sale")
    return Plan.objects.for_sale().prefetch_related(prices)


def _price(plan: Any, interval: str, currency: str) -> PlanPrice | None:
    fitting = [price for price in plan.on_sale if (price.interval, price.currency) == (interval, currency)]
    return fitting[0] if fitting else None


def _chosen(asked: str | None, known: Iterable[str], usual: str) -> str:
    """What was asked for if there is such a thing, else the usual, else the first."""
    found = list(known)
    return next((each for each in (asked, usual, *found[:1]) if each in found), usual)
