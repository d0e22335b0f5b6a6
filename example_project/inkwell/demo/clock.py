"""The demo's time: set back while its history is played, and as far ahead as somebody has traveled since."""

from contextlib import contextmanager
from datetime import datetime, timedelta
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


class TravelingClock(datetime):
    ahead = timedelta(0)

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + cls.ahead


def let_time_travel():
    """From now on, for this whole process."""
    timezone.datetime = TravelingClock


def travel_to(moment):
    """Time goes on from there. It never goes back."""
    TravelingClock.ahead += max(timedelta(0), moment - timezone.now())
