"""Whether a run may begin: its input and its price, up to the one row that stands for a key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.utils.translation import gettext as _
from pydantic import BaseModel

from quickscale_credits.exceptions import InsufficientCredits, SpendingLimitExceeded
from quickscale_credits.ledger.joining import checked_key
from quickscale_credits.models import CreditAccount
from quickscale_services import schemas
from quickscale_services.exceptions import (
    RunInProgress,
    ServiceDisabled,
    ServiceFailed,
    ServiceForbidden,
    ServicesError,
)
from quickscale_services.pricing.quoting import Quote, quote

if TYPE_CHECKING:
    from quickscale_services.base import BaseService
    from quickscale_services.models import ApiKey, Service, ServiceRun

logger = logging.getLogger("quickscale_services")

First = TypeVar("First")

ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    service: BaseService
    owner: Any
    actor: Any
    data: BaseModel
    key: str | None
    fingerprint: str
    api_key: ApiKey | None = None

    @property
    def payer(self) -> Any:
        """The owner, also where an account stands for them; None if they were erased."""
        return self.owner.owner if isinstance(self.owner, CreditAccount) else self.owner


def prepare(
    service: BaseService,
    owner: Any,
    given: dict[str, Any],
    *,
    actor: Any = None,
    idempotency_key: str | None = None,
    api_key: ApiKey | None = None,
) -> Request:
    """Raises `InvalidInput`."""
    key = checked_key(idempotency_key)
    data = schemas.validate(service, given)
    fingerprint = schemas.fingerprint(service, data) if key else ""
    return Request(
        service=service, owner=owner, actor=actor, data=data, key=key, fingerprint=fingerprint, api_key=api_key
    )


def admit(request: Request, switch: Service) -> Quote:
    """What it is held at. Raises `ServiceDisabled`, `ServiceForbidden`, and what `quote` does."""
    if not switch.is_active:
        raise ServiceDisabled(_("“%(service)s” is switched off at the moment.") % {"service": request.service})
    if not _is_allowed(request):
        raise ServiceForbidden(_("You may not run “%(service)s”.") % {"service": request.service})
    return quote(request.service, request.data, switch)


def _is_allowed(request: Request) -> bool:
    service = request.service
    try:
        return service.allows(request.payer, request.actor)
    except (ServicesError, PermissionDenied):
        raise
    except Exception as error:  # a service's own code, which may raise anything
        logger.warning("%s could not tell who may run it.", service.name, exc_info=error)
        message = _("“%(service)s” could not tell who may run it; nothing was charged.") % {"service": service}
        raise ServiceFailed(message) from error


def record_once(
    request: Request, record: Callable[[], ServiceRun], find_first: Callable[[Request], First | None]
) -> ServiceRun | First:
    """The new run; or what came of the first, where another caller with the same key was faster."""
    for _attempt in range(ATTEMPTS):
        try:
            return record()
        except (InsufficientCredits, SpendingLimitExceeded):
            # The credits that are missing may be held for the first run with this key.
            if first := find_first(request):
                return first
            raise
        except IntegrityError:
            if request.key is None:
                raise
            if first := find_first(request):
                return first
            # The run that had the key failed just now, and has freed it.
    raise RunInProgress(_("Other runs with this idempotency key begin and fail: try again later."))
