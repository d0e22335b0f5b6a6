"""What is in the cache is a convenience: where Redis is away, pages and the API go on without it."""

import logging
from time import monotonic

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

SECONDS_AWAY = 10


class RedisOrMemory(RedisCache):
    """While Redis is away, the memory of this process: limits then hold in each process, instead of not at all.

    Whether it is back is asked every `SECONDS_AWAY`, so that one that hangs does not slow every request down.
    """

    def __init__(self, server, params):
        super().__init__(server, params)
        self._memory = LocMemCache("while Redis is away", {})
        self._ask_at = 0.0

    def _from_memory_if_away(self, method, *args, **kwargs):
        if monotonic() >= self._ask_at:
            try:
                return getattr(super(), method)(*args, **kwargs)
            except RedisError as error:
                logger.warning("Redis is away, and %s s long not asked again: %s", SECONDS_AWAY, error)
                self._ask_at = monotonic() + SECONDS_AWAY
        return getattr(self._memory, method)(*args, **kwargs)


def _either(method):
    def call(self, *args, **kwargs):
        return self._from_memory_if_away(method, *args, **kwargs)

    return call


for each in ("add", "get", "set", "touch", "delete", "get_many", "has_key", "incr", "set_many", "delete_many", "clear"):
    setattr(RedisOrMemory, each, _either(each))
