"""The pages on which an owner makes, rotates and revokes keys."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_credits.owners import owner_required
from quickscale_services.exceptions import KeyInUse
from quickscale_services.models import ApiKey
from quickscale_services.pages.key_forms import KeyForm


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@owner_required
def keys(request: HttpRequest, owner: Model) -> HttpResponse:
    form = KeyForm(request.POST or None)
    if request.method != "POST":
        return _page(request, owner, form)
    if not form.is_valid():
        return _page(request, owner, form, status=422)
    try:
        made = ApiKey.objects.issue(owner, user=request.user, once=_form_id(request), **form.given())
    except (KeyInUse, IdempotencyConflict):
        messages.warning(request, _("This form was sent before: the key that it made is in the list."))
        return redirect("quickscale_services:keys")
    return _shown_once(request, owner, made)


@never_cache
@require_POST
@owner_required
def rotate(request: HttpRequest, owner: Model, public_id: str) -> HttpResponse:
    """Whoever sees the new key acts with it as the user of the old one: so that must be they."""
    theirs = ApiKey.objects.for_owner(owner).filter(Q(user=request.user.pk) | Q(user=None))
    key = get_object_or_404(theirs, public_id=public_id)
    try:
        made = key.rotate(once=_form_id(request))
    except (KeyInUse, IdempotencyConflict):
        messages.warning(request, _("This form was sent before: the key that it made is in the list."))
        return redirect("quickscale_services:keys")
    except ValueError:
        messages.error(request, _("This key works no more: make a new one."))
        return redirect("quickscale_services:keys")
    return _shown_once(request, owner, made)


@require_POST
@owner_required
def revoke(request: HttpRequest, owner: Model, public_id: str) -> HttpResponse:
    key = get_object_or_404(ApiKey.objects.for_owner(owner), public_id=public_id)
    key.revoke()
    messages.success(request, _("“%(name)s” is revoked: it is refused from now on.") % {"name": key.name})
    return redirect("quickscale_services:keys")


@sensitive_variables("made", "plain")
def _shown_once(request: HttpRequest, owner: Model, made: tuple[ApiKey, str]) -> HttpResponse:
    """In the answer itself: wherever it waited for a redirect, in a session or a cookie, it would be stored."""
    key, plain = made
    return _page(request, owner, KeyForm(), made=key, plain=plain)


def _form_id(request: HttpRequest) -> str:
    """Two presses of a button make one key."""
    return request.POST.get("form_id", "")


def _page(request: HttpRequest, owner: Model, form: KeyForm, *, status: int = 200, **made: Any) -> HttpResponse:
    own = ApiKey.objects.for_owner(owner).select_related("account__owner", "user")
    context = {"form": form, "form_id": uuid.uuid4(), "keys": own, "user_id": request.user.pk, **made}
    return render(request, "quickscale_services/keys.html", context, status=status)
