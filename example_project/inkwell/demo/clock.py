"""A clock that can be set back, so that the demo's history has dates."""

from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

from django.utils import timezone


@contextmanager
def clock_at(moment):
    """`timezone.now()` says `moment` and ticks on.

    The class that it asks is replaced, because columns that default to `timezone.now` keep that function.
    """
    behind = timezone.now() - moment

    class EarlierClock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - behind

    with patch.object(timezone, "datetime", EarlierClock):
        yield
