"""A period with the one before it, so that what is compared is read at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from quickscale_credits.analytics.periods import Period
from quickscale_credits.analytics.placing import Among


@dataclass(frozen=True)
class Compared:
    """The places of both are numbered in their order, from 1 on; 0 is what was before."""

    period: Period

    @property
    def start(self) -> date:
        return self.period.previous.start

    @property
    def whole(self) -> Period:
        return Period(start=self.start, end=self.period.end, zone=self.period.zone)

    @cached_property
    def places(self) -> list[tuple[Period, date]]:
        return [(period, place) for period in (self.period.previous, self.period) for place in period.places]

    def place(self, number: int) -> tuple[Period, date]:
        return self.places[number - 1]

    def at(self, day: date) -> tuple[Period, date]:
        """Of a day of one of them."""
        period = self.period if day >= self.period.start else self.period.previous
        return period, period.place(day)

    def number_of_day(self, name: str) -> Among:
        return Among(name, self._first_days)

    def number_of_time(self, name: str) -> Among:
        return Among(name, tuple(self.period.midnight(day) for day in self._first_days))

    @cached_property
    def _first_days(self) -> tuple[date, ...]:
        return tuple(max(place, period.start) for period, place in self.places)
