"""What can go wrong between the owner, us and Stripe, told as a page or a message, in one place."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, TypeVar

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from quickscale_billing.exceptions import (
    BillingError,
    LastPaymentMethod,
    NoSubscription,
    PaymentActionRequired,
    StripeRefused,
    StripeUnavailable,
    UnknownItem,
    UnknownPaymentMethod,
    Unsettled,
)
from quickscale_credits.owners import owner_required

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

logger = logging.getLogger(__name__)

Fetched = TypeVar("Fetched")
View = Callable[..., HttpResponseBase]
Allowing = Callable[[View], View]
OwnersView = Callable[Concatenate[HttpRequest, Model, ...], HttpResponseBase]


def asking_stripe_for(page: str, *, refused: StrPromise) -> Callable[[Allowing], Callable[[OwnersView], View]]:
    """For a module of views: a decorator that takes the methods allowed, as `@asking(require_POST)`.

    Such a view gets the owner, runs in no transaction, for Stripe is asked, and is never cached. What is told as a
    message leads back to the page of this name; `refused` is said of what else Stripe or we do not do.
    """

    def asking(allowed: Allowing) -> Callable[[OwnersView], View]:
        def decorated(view: OwnersView) -> View:
            told = owner_required(_told(view, page, refused))
            return transaction.non_atomic_requests(never_cache(allowed(told)))

        return decorated

    return asking


def _told(view: OwnersView, page: str, refused: StrPromise) -> OwnersView:
    @wraps(view)
    def wrapped(request: HttpRequest, owner: Model, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, owner, *args, **kwargs)
        except PaymentActionRequired as error:
            return HttpResponseRedirect(error.url or reverse(page), status=303)
        except StripeUnavailable:
            return _in_a_while(request, page)
        except ImproperlyConfigured:
            logger.exception("Nothing can be changed at Stripe until the settings are right.")
            return render(request, "quickscale_billing/closed.html", status=503)
        except (UnknownItem, UnknownPaymentMethod) as error:
            raise Http404(str(error)) from None
        except BillingError as error:
            _tell(request, error, refused)
        return _in_a_while(request, page) if _would_lead_to_itself(request, page) else redirect(page)

    return wrapped


def _would_lead_to_itself(request: HttpRequest, page: str) -> bool:
    return request.method in ("GET", "HEAD") and request.path == reverse(page)


def _in_a_while(request: HttpRequest, page: str) -> HttpResponseBase:
    response = render(request, "quickscale_billing/try_again.html", {"again": reverse(page)}, status=503)
    response.headers["Retry-After"] = "5"
    return response


def fetched(request: HttpRequest, ask: Callable[[], Fetched]) -> tuple[Fetched | None, bool]:
    """For a page that can be shown without what Stripe refuses to tell: False beside it then, and a message says so."""
    try:
        return ask(), True
    except StripeRefused:
        logger.exception("A page is shown without what Stripe refused to tell.")
        messages.error(request, _("Our payment provider did not tell us your payment methods. Look again later."))
        return None, False


def _tell(request: HttpRequest, error: BillingError, refused: StrPromise) -> None:
    if isinstance(error, NoSubscription):
        messages.error(request, _("You have no subscription that could be changed."))
    elif isinstance(error, LastPaymentMethod):
        messages.error(request, _("Your subscription is paid with it: add another first."))
    elif isinstance(error, Unsettled):
        logger.error("What Stripe says of a subscription cannot be booked by itself.", exc_info=error)
        messages.warning(request, _("Your change has arrived; we will look after its credits."))
    else:
        logger.error("Something could not be changed at Stripe.", exc_info=error)
        messages.error(request, str(refused))
