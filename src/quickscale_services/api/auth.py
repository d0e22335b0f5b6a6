"""Who is asking: a program with a key, or a person with a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja.utils import check_csrf

from quickscale_credits.owners import owner_for
from quickscale_services import scopes
from quickscale_services.api.errors import Unauthorized
from quickscale_services.api.throttling import throttle
from quickscale_services.models import ApiKey

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """`owner` pays and `actor` asks. Without a key it is a session, which may do everything."""

    owner: Any
    actor: Model | None
    key: ApiKey | None = None

    @classmethod
    def of_key(cls, key: ApiKey) -> Self:
        return cls(owner=key.account.owner, actor=key.user, key=key)

    @property
    def services(self) -> frozenset[str] | None:
        """The names of the services that it may see and run; None for all."""
        return None if self.key is None else scopes.services_in(self.key.scopes)

    def may_run(self, name: str) -> bool:
        return self.services is None or name in self.services

    def require_services(self) -> None:
        if self.services is not None and not self.services:
            raise PermissionDenied(_("This key lacks the scope services:run."))

    def require_service(self, name: str) -> None:
        if not self.may_run(name):
            raise PermissionDenied(_("This key lacks the scope services:run:%(name)s.") % {"name": name})

    def require_credits(self) -> None:
        if self.key is not None and scopes.READ_CREDITS not in self.key.scopes:
            raise PermissionDenied(_("This key lacks the scope credits:read."))


class KeyOrSession:
    """A key counts in the header alone: addresses end up in logs. Whoever sends one is not asked for a session."""

    openapi_security_schema = {"type": "http", "scheme": "bearer", "description": "An API key: qs_…"}

    def __call__(self, request: HttpRequest) -> Caller:
        text = _key_sent(request)
        caller = _of_session(request) if text is None else _of_key(text)
        throttle(caller.owner, caller.key)
        return caller


def key_holder(request: HttpRequest) -> Caller:
    """For programs alone: a session does not count. Raises `Unauthorized` and `RateLimited`."""
    caller = _of_key(_key_sent(request) or "")
    throttle(caller.owner, caller.key)
    return caller


def _key_sent(request: HttpRequest) -> str | None:
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else None


def _of_key(text: str) -> Caller:
    key = ApiKey.objects.verify(text)
    if key is None:
        raise Unauthorized
    key.touch()
    return Caller.of_key(key)


def _of_session(request: HttpRequest) -> Caller:
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        raise Unauthorized
    if request.method not in SAFE_METHODS and check_csrf(request) is not None:
        raise PermissionDenied(_("A session needs the CSRF token in the header X-CSRFToken."))
    owner = owner_for(request)
    if owner is None:
        raise PermissionDenied(_("No credits belong to this login."))
    return Caller(owner=owner, actor=user)
