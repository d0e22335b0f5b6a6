"""How often one account may run a service, as "60/minute", and how many runs at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from quickscale_services.exceptions import RateLimited

if TYPE_CHECKING:
    from quickscale_services.models import ServiceRun

PERIODS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
# Nobody knows when a run that is under way will end.
SOON = timedelta(seconds=1)
_FORM = re.compile(rf"([1-9][0-9]{{0,8}})/({'|'.join(PERIODS)})")


@dataclass(frozen=True, kw_only=True)
class Rate:
    count: int
    period: timedelta

    @classmethod
    def parse(cls, text: str) -> Self:
        matched = _FORM.fullmatch(text)
        if not matched:
            raise ValueError(f"A rate reads like 60/minute (second, minute, hour or day), not {text!r}.")
        return cls(count=int(matched[1]), period=PERIODS[matched[2]])


def validate_rate(text: str) -> None:
    try:
        Rate.parse(text)
    except ValueError:
        raise ValidationError(_("Write a rate like 60/minute; second, hour and day are possible, too.")) from None


def require(text: str, run: ServiceRun) -> None:
    """Raises `RateLimited` if this account has run the service so often already within the period."""
    rate = Rate.parse(text)
    runs = type(run).objects.filter(account_id=run.account_id, service=run.service)
    recent = runs.filter(created_at__gt=run.created_at - rate.period).order_by("-created_at")
    oldest = recent.values_list("created_at", flat=True)[rate.count - 1 : rate.count].first()
    if oldest is not None:
        raise RateLimited(oldest + rate.period - run.created_at)


def require_room(most: int, run: ServiceRun) -> None:
    """Raises `RateLimited` if this account has so many runs under way already; those that wait for a worker count."""
    under_way = type(run).objects.under_way().filter(account_id=run.account_id)
    if under_way.filter(deadline__gt=run.created_at).count() >= most:
        raise RateLimited(SOON)
