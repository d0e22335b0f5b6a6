"""The owner's cards: adding one at Stripe, choosing which is charged, removing one."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from quickscale_billing import payment_methods
from quickscale_billing.conf import conf
from quickscale_billing.return_addresses import ReturnAddresses
from quickscale_billing.views.telling import asking_stripe_for, fetched

PAGE = "quickscale_billing:payment_methods"
asking = asking_stripe_for(PAGE, refused=gettext_lazy("Our payment provider did not accept this. Nothing was changed."))


@asking(require_safe)
def page(request: HttpRequest, owner: Model) -> HttpResponseBase:
    methods, is_known = fetched(request, lambda: payment_methods.list(owner))
    context = {"methods": methods, "is_known": is_known, "has_portal": conf.PORTAL}
    return render(request, "quickscale_billing/payment_methods.html", context)


@asking(require_POST)
def add(request: HttpRequest, owner: Model) -> HttpResponseBase:
    session = payment_methods.add(owner, addresses=ReturnAddresses.of_methods(request))
    return HttpResponseRedirect(session.url, status=303)


@asking(require_safe)
def added(request: HttpRequest, owner: Model) -> HttpResponseBase:
    """Whoever leads here and however often: what Stripe says of the session counts."""
    state = payment_methods.settle(owner, request.GET.get("session_id", ""))
    if state.is_complete:
        messages.success(request, _("Your card was added."))
    else:
        messages.warning(request, _("Adding a card was not finished. Nothing was changed."))
    return redirect(PAGE)


@asking(require_POST)
def set_default(request: HttpRequest, owner: Model) -> HttpResponseBase:
    payment_methods.set_default(owner, request.POST.get("method", ""))
    messages.success(request, _("This card is charged from now on."))
    return redirect(PAGE)


@asking(require_POST)
def remove(request: HttpRequest, owner: Model) -> HttpResponseBase:
    payment_methods.remove(owner, request.POST.get("method", ""))
    messages.success(request, _("Your card was removed."))
    return redirect(PAGE)


@asking(require_POST)
def portal(request: HttpRequest, owner: Model) -> HttpResponseBase:
    """To Stripe's customer portal, where `PORTAL` says so."""
    if not conf.PORTAL:
        raise Http404("This site does not lead to Stripe's portal.")
    address = payment_methods.portal_url(owner, return_url=ReturnAddresses.of_methods(request).cancel)
    return HttpResponseRedirect(address, status=303)
