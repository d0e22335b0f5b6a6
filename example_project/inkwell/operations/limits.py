"""How often something may be done, counted in the cache: what is forgotten with it only allows a few more."""

from django.core.cache import cache


def is_within(key, *, times, seconds):
    """Counts one more; whether it is among the first `times` since the count of `key` began, `seconds` ago at most."""
    cache.add(key, 0, timeout=seconds)
    try:
        return cache.incr(key) <= times
    except ValueError:  # the cache has thrown it out at this moment, or another one has taken over
        return True
