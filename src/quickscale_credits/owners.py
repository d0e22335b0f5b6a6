"""Whose credits a web request means."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from quickscale_credits.conf import conf, owner_model

P = ParamSpec("P")
OwnerView = Callable[Concatenate[HttpRequest, Model, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def owner_for(request: HttpRequest) -> Model | None:
    """What `OWNER_RESOLVER` answers; by default the user who is logged in. None for nobody."""
    if conf.OWNER_RESOLVER:
        owner: Model | None = import_string(conf.OWNER_RESOLVER)(request)
        return owner
    if owner_model() != settings.AUTH_USER_MODEL:
        raise ImproperlyConfigured(
            f"Credits belong to {owner_model()}, which is not the user model: "
            'set QUICKSCALE_CREDITS["OWNER_RESOLVER"] to the dotted path of a function from request to owner.'
        )
    user: Any = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None


def owner_required(view: OwnerView[P]) -> View[P]:
    """Calls `view(request, owner, …)`; a visitor is sent to log in, a user without an owner gets a 403."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        owner = owner_for(request)
        if owner is not None:
            return view(request, owner, *args, **kwargs)
        if request.user.is_authenticated:
            raise PermissionDenied(_("No credits belong to this login."))
        return redirect_to_login(request.get_full_path())

    return wrapped
