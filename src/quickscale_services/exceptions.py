"""What can go wrong with a service. Of each it holds that nothing was charged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from quickscale_credits.exceptions import CaptureExceedsHold

if TYPE_CHECKING:
    from quickscale_services.models import ServiceRun

Message = str | Promise


class ServicesError(Exception):
    """Base of every error of services; what is wrong with credits stays a `CreditsError`."""


class UnknownService(ServicesError, KeyError):
    """No service of this name is registered."""

    def __str__(self) -> str:
        return _("There is no service named “%(name)s”.") % {"name": self.args[0]}


class AlreadyRegistered(ServicesError):
    """Another service has this name."""


class ServiceDisabled(ServicesError):
    """The service is switched off in the admin."""


class ServiceForbidden(ServicesError):
    """`allows` said no."""


class NoRateCard(ServicesError, LookupError):
    """There is no rate card of this model that is in force, so its tokens have no price."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model

    def __str__(self) -> str:
        return (
            f"There is no rate card for the model {self.model!r} that is in force: "
            "make one in the admin, or with the command import_rate_cards."
        )


class UnknownUnit(ServicesError, ValueError):
    """A unit that the service's price does not name."""


class RunInProgress(ServicesError):
    """The first run with this idempotency key has not ended."""


class RateLimited(ServicesError):
    """The account has run the service as often as its `rate_limit` allows; `retry_after` says when it may again."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after

    def __str__(self) -> str:
        seconds = math.ceil(self.retry_after.total_seconds())
        return ngettext("Try again in %d second.", "Try again in %d seconds.", seconds) % seconds


class KeyInUse(ServicesError):
    """The API key that the same request made before is in use, or has ended, so that it cannot be made anew."""


class InvalidInput(ServicesError, ValueError):
    """The input does not fit. A service may raise it in `execute`, too: what it was given is at fault.

    `errors` is a list of `{"loc": [...], "msg": "...", "type": "..."}`, as pydantic writes them.
    """

    def __init__(self, errors: Sequence[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = list(errors)

    @classmethod
    def on(cls, field: str, message: Message) -> Self:
        """`raise InvalidInput.on("picture", "This picture is cut off.")`"""
        return cls([{"type": "value_error", "loc": (field,), "msg": str(message)}])

    def __str__(self) -> str:
        return "; ".join(self._line(error) for error in self.errors)

    @staticmethod
    def _line(error: dict[str, Any]) -> str:
        where = ".".join(str(step) for step in error["loc"])
        return f"{where}: {error['msg']}" if where else str(error["msg"])


class RunError(ServicesError):
    """A run that began and did not succeed; `run` is its record."""

    def __init__(self, message: Message = "", run: ServiceRun | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.run = run

    def __str__(self) -> str:
        return str(self.message)


class ServiceFailed(RunError):
    """`execute` raised, or what it gave does not fit `Output`.

    A service that raises this itself chooses the message that people read.
    """


class RunCanceled(RunError):
    """Somebody canceled the run while its service worked; `context.check` and `context.progress` say so."""


class QueueUnavailable(RunError):
    """The run could not be handed to the queue, and has failed."""


class ServiceTimeout(RunError):
    """No result came within the service's `timeout`."""


class ChargeExceedsHold(ServiceFailed, CaptureExceedsHold):
    """The service wanted to charge more than its `get_cost` had said."""
