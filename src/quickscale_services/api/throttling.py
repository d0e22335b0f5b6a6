"""How often an account, and a key, may ask. Addresses of the network are never looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.utils import timezone

from quickscale_services.conf import conf
from quickscale_services.exceptions import RateLimited
from quickscale_services.models import ApiKey
from quickscale_services.rates import Rate


def throttle(owner: Any, key: ApiKey | None) -> None:
    """Counts this request. Raises `RateLimited` if there were too many in the period that began with the first."""
    if conf.RATE_LIMIT:
        _count(f"owner:{owner._meta.label_lower}:{owner.pk}", Rate.parse(conf.RATE_LIMIT))
    if key is not None and key.rate_limit:
        _count(f"key:{key.pk}", Rate.parse(key.rate_limit))


def _count(who: str, rate: Rate) -> None:
    now = timezone.now()
    began = _period(who, rate, now)
    if _counted(f"quickscale:{who}:{began.timestamp()}", rate.period) > rate.count:
        raise RateLimited(began + rate.period - now)


def _period(who: str, rate: Rate, now: datetime) -> datetime:
    """When the current period began: with the first request after the last one was over."""
    name = f"quickscale:{who}:{rate.count}/{_seconds(rate.period)}"
    began: datetime = cache.get_or_set(name, now, timeout=_seconds(rate.period)) or now
    if not now - rate.period < began <= now:
        cache.set(name, now, timeout=_seconds(rate.period))
        began = now
    return began


def _counted(name: str, period: timedelta) -> int:
    cache.add(name, 0, timeout=2 * _seconds(period))
    try:
        return cache.incr(name)
    except ValueError:  # the cache keeps nothing, or has thrown it out at this moment
        return 1


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())
