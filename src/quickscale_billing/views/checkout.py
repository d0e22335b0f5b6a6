"""To Stripe's page, and back from it."""

from __future__ import annotations

import logging
import uuid
from hashlib import sha256
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from quickscale_billing import catalog, checkout
from quickscale_billing.catalog import Item
from quickscale_billing.exceptions import (
    AlreadySubscribed,
    StripeRefused,
    StripeUnavailable,
    UnknownItem,
    Unsettled,
)
from quickscale_billing.models import CheckoutSession, CreditPack, Interval
from quickscale_billing.return_addresses import ReturnAddresses, own_success_page
from quickscale_billing.stripe import sessions
from quickscale_billing.stripe.readers import SessionState
from quickscale_billing.views import onward
from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_credits.owners import owner_for, owner_required

logger = logging.getLogger(__name__)

RETRY_AFTER = 5
"""Seconds."""
FIELDS = ("interval", "currency", "key", onward.PARAMETER)


@transaction.non_atomic_requests  # Stripe is asked
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: HttpRequest, slug: str) -> HttpResponseBase:
    """POST leads to Stripe. GET, to which a login leads back, shows what was to be bought."""
    item = _item(slug)
    page = onward.with_next(_page_of(item), onward.wanted(request))
    if request.method != "POST":
        return redirect(page)
    if owner_for(request) is None:
        return redirect_to_login(page)
    return _buy(request, item)


@owner_required
def _buy(request: HttpRequest, owner: Model, item: Item) -> HttpResponseBase:
    try:
        session = _begun(request, owner, item)
    except AlreadySubscribed:
        return render(request, "quickscale_billing/already_subscribed.html", status=409)
    except UnknownItem as error:
        raise Http404(str(error)) from None
    except StripeUnavailable:
        fields = [(name, request.POST[name]) for name in FIELDS if name in request.POST]
        context = {"item": item, "fields": fields}
        return _in_a_while(render(request, "quickscale_billing/unavailable.html", context, status=503))
    except StripeRefused:
        logger.exception("Stripe refused to sell %s.", item)
        return render(request, "quickscale_billing/refused.html", {"item": item}, status=502)
    except ImproperlyConfigured:
        logger.exception("%s cannot be sold until the settings are right.", item)
        return render(request, "quickscale_billing/closed.html", status=503)
    return HttpResponseRedirect(session.url, status=303)


def _begun(request: HttpRequest, owner: Model, item: Item) -> CheckoutSession:
    """A second press of the same button leads to the same page of Stripe, unless that page has ended."""
    form = request.POST
    options: dict[str, Any] = {"interval": form.get("interval", Interval.MONTH), "currency": form.get("currency")}
    success = onward.with_next(own_success_page(), onward.wanted(request))
    addresses, key = ReturnAddresses.of(request, success=success), _key(form.get("key", ""), item.slug, options)
    try:
        session = checkout.begin(owner, item, addresses, idempotency_key=key, **options)
    except IdempotencyConflict:
        return checkout.begin(owner, item, addresses, **options)
    if session.status != CheckoutSession.Status.OPEN:
        return checkout.begin(owner, item, addresses, **options)
    return session


@transaction.non_atomic_requests  # Stripe is asked
@never_cache
@require_safe
@owner_required
def success(request: HttpRequest, owner: Model) -> HttpResponse:
    """What Stripe says of the session now, whoever leads here and however often; its address proves nothing."""
    try:
        session = checkout.own_session(owner, request.GET.get("session_id", ""))
    except CheckoutSession.DoesNotExist:
        raise Http404("No such checkout.") from None
    try:
        outcome = _outcome(checkout.settle(owner, str(session.stripe_id)))
    except StripeUnavailable:
        return _in_a_while(_shown(request, session, "processing", status=503))
    except ImproperlyConfigured:
        logger.exception("The checkout %s cannot be looked at until the settings are right.", session.stripe_id)
        return _shown(request, session, "processing", status=503)
    except StripeRefused:
        logger.exception("Stripe does not know the checkout %s.", session.stripe_id)
        raise Http404("No such checkout.") from None
    except Unsettled:
        logger.exception("The checkout %s was paid, and cannot be booked by itself.", session.stripe_id)
        return _shown(request, session, "processing")
    session.refresh_from_db()
    return _shown(request, session, outcome, given=session.given, owner=owner, next=onward.wanted(request))


@require_safe
def canceled(request: HttpRequest) -> HttpResponse:
    return render(request, "quickscale_billing/canceled.html")


def _outcome(state: SessionState) -> str:
    if state.is_paid:
        return "success"
    if not state.is_complete:
        return "expired" if state.status == CheckoutSession.Status.EXPIRED else "unfinished"
    return "failed" if sessions.has_failed(state.id) else "processing"


def _shown(
    request: HttpRequest, session: CheckoutSession, outcome: str, status: int = 200, **more: Any
) -> HttpResponse:
    context = {"session": session, "item": session.item, "is_pack": session.pack_id is not None, **more}
    return render(request, f"quickscale_billing/{outcome}.html", context, status=status)


def _in_a_while(response: HttpResponse) -> HttpResponse:
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def _item(slug: str) -> Item:
    try:
        return catalog.find(slug)
    except UnknownItem as error:
        raise Http404(str(error)) from None


def _page_of(item: Item) -> str:
    name = "pack" if isinstance(item, CreditPack) else "plan"
    return str(redirect(f"quickscale_billing:{name}", slug=item.slug).url)


def _key(given: str, slug: str, options: dict[str, Any]) -> str | None:
    """The buttons of a page share its key."""
    try:
        content = f"{slug} {options['interval']} {options['currency']}"
        return f"page:{uuid.UUID(given)}:{sha256(content.encode(errors='replace')).hexdigest()[:16]}"
    except ValueError:
        return None
