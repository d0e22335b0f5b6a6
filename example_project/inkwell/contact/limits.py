"""So that nobody fills a mailbox: a few letters an hour from one address of the network."""

from django.core.cache import cache

LETTERS = 5
HOUR = 60 * 60


def may_write(request):
    """Counts the letter. The address is the one of the connection: what a client says of itself is not believed."""
    key = f"contact:{request.META['REMOTE_ADDR']}"
    cache.add(key, 0, timeout=HOUR)
    return cache.incr(key) <= LETTERS
