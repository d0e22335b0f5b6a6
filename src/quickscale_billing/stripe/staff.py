"""dj-stripe's page that confirms an action, cancelation at Stripe among them, does it for whoever is staff.

Where this app is installed, it asks for dj-stripe's own permission to change what the action is done to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from djstripe.admin.views import ConfirmCustomAction

View = Callable[..., HttpResponseBase]


def ask_for_permissions() -> None:
    ConfirmCustomAction.dispatch = _asking(ConfirmCustomAction.dispatch)


def _asking(dispatch: View) -> View:
    @wraps(dispatch)
    def permitted(view: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(f"djstripe.change_{kwargs['model_name']}"):
            raise PermissionDenied
        return dispatch(view, request, *args, **kwargs)

    return permitted
