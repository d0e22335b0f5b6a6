"""The settings of this app, read live and typed."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from quickscale_credits.amounts import from_micro, to_micro, to_positive_micro
from quickscale_credits.conf import SettingsDict
from quickscale_credits.exceptions import InvalidAmount
from quickscale_services.rates import Rate


@dataclass(frozen=True, kw_only=True)
class CreditValue:
    """Of one credit, in major units."""

    amount: Decimal
    currency: str


class ServicesSettings(SettingsDict):
    setting: ClassVar[str] = "QUICKSCALE_SERVICES"

    @property
    def AUTODISCOVER_MODULE(self) -> str:  # noqa: N802
        """The module in which each app keeps its services."""
        value = self.get("AUTODISCOVER_MODULE", "services")
        if not isinstance(value, str) or not all(part.isidentifier() for part in value.split(".")):
            raise ImproperlyConfigured(
                f'{self.setting}["AUTODISCOVER_MODULE"] must be the name of a module inside an app, '
                f"such as 'services', not {value!r}."
            )
        return value

    @property
    def HEARTBEAT(self) -> timedelta:  # noqa: N802
        """How long a stream may be silent before a comment is sent."""
        return self.timedelta("HEARTBEAT", timedelta(seconds=15))

    @property
    def CREDIT_VALUE(self) -> CreditValue | None:  # noqa: N802
        """What a credit is worth in major units, as `{"amount": "0.01", "currency": "usd"}`. None: unknown.

        With it, the dashboard compares what runs cost with what their provider took.
        """
        value = self.get("CREDIT_VALUE", None)
        if value is None:
            return None
        if not isinstance(value, Mapping) or set(value) != {"amount", "currency"} or not _is_value(**value):
            raise ImproperlyConfigured(
                f'{self.setting}["CREDIT_VALUE"] must be {{"amount": above zero, "currency": three letters in lower '
                f"case}}, not {value!r}."
            )
        return CreditValue(amount=from_micro(to_micro(value["amount"])), currency=value["currency"])

    @property
    def MAX_CONCURRENT_RUNS(self) -> int | None:  # noqa: N802
        """How many runs one account may have under way at once, with those that wait for a worker; None: any number.

        One more raises `RateLimited`.
        """
        value = self.get("MAX_CONCURRENT_RUNS", None)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ImproperlyConfigured(
                f'{self.setting}["MAX_CONCURRENT_RUNS"] must be a whole number above zero, or None, not {value!r}.'
            )
        return value

    @property
    def QUEUE(self) -> str:  # noqa: N802
        """What hands runs to workers: the alias of a backend in `TASKS`, or the path of a function.

        Such as `"quickscale_services.celery.enqueue"`.
        """
        value = self.get("QUEUE", "default")
        if not isinstance(value, str) or not value:
            raise ImproperlyConfigured(
                f"{self.setting}[\"QUEUE\"] must be an alias in TASKS, such as 'default', or the dotted path of a "
                f"function, such as 'quickscale_services.celery.enqueue', not {value!r}."
            )
        return value

    @property
    def RATE_LIMIT(self) -> str | None:  # noqa: N802
        """How many requests of one account the HTTP API answers, such as `"600/minute"`; None: any number.

        Per second, minute, hour or day; counted in Django's default cache.
        """
        value = self.get("RATE_LIMIT", None)
        if value is None:
            return None
        try:
            Rate.parse(value)
        except (TypeError, ValueError):
            raise ImproperlyConfigured(
                f'{self.setting}["RATE_LIMIT"] must read like "600/minute", not {value!r}.'
            ) from None
        return str(value)

    @property
    def REPLAY_WINDOW(self) -> timedelta:  # noqa: N802
        """How long the output of a run with an idempotency key, or in the background, is kept."""
        return self.timedelta("REPLAY_WINDOW", timedelta(hours=24))


conf = ServicesSettings()


def _is_value(*, amount: Any, currency: Any) -> bool:
    if not (isinstance(currency, str) and re.fullmatch("[a-z]{3}", currency)):
        return False
    with suppress(TypeError, InvalidAmount):
        return to_positive_micro(amount) > 0
    return False
