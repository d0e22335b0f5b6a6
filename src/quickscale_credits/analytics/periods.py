"""Stretches of days in the one reporting time zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import DateField, Q
from django.utils import timezone

from quickscale_credits.analytics.placing import Among
from quickscale_credits.conf import conf

V = TypeVar("V")

MOST_DAYS = 92
ONE_DAY = timedelta(days=1)


class Granularity(StrEnum):
    DAY = "day"
    MONTH = "month"


def reporting_zone() -> ZoneInfo:
    return ZoneInfo(conf.REPORTING_TIME_ZONE)


@dataclass(frozen=True, kw_only=True)
class Period:
    """From the day `start` to the day `end`, both included, in the reporting time zone.

    Above 92 days it is shown by months: its places on an axis are then the first days of the months that it touches,
    the first and the last of which may not be whole.
    """

    start: date
    end: date
    zone: ZoneInfo = field(default_factory=reporting_zone)

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError(f"A period begins before it ends: {self.start} is after {self.end}.")

    @classmethod
    def last_days(cls, days: int) -> Self:
        """So many days, today included."""
        zone = reporting_zone()
        today = timezone.now().astimezone(zone).date()
        return cls(start=today - (days - 1) * ONE_DAY, end=today, zone=zone)

    @classmethod
    def last_months(cls, months: int) -> Self:
        """So many calendar months, the present one included as far as it has come."""
        zone = reporting_zone()
        today = timezone.now().astimezone(zone).date()
        index = today.year * 12 + today.month - months
        return cls(start=date(index // 12, index % 12 + 1, 1), end=today, zone=zone)

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def previous(self) -> Period:
        """As many days, directly before."""
        return Period(start=self.start - self.days * ONE_DAY, end=self.start - ONE_DAY, zone=self.zone)

    @property
    def granularity(self) -> Granularity:
        return Granularity.DAY if self.days <= MOST_DAYS else Granularity.MONTH

    @property
    def since(self) -> datetime:
        """The first instant that belongs to it."""
        return self.midnight(self.start)

    @property
    def until(self) -> datetime:
        """The first instant that belongs to it no more."""
        return self.midnight(self.end + ONE_DAY)

    def midnight(self, day: date) -> datetime:
        """When this day begins in the reporting time zone."""
        return datetime.combine(day, time.min, self.zone)

    @cached_property
    def places(self) -> list[date]:
        """Its places on an axis: each of its days, or the first day of each of its months."""
        days = (self.start + number * ONE_DAY for number in range(self.days))
        return list(dict.fromkeys(self.place(day) for day in days))

    def place(self, day: date) -> date:
        return day if self.granularity == Granularity.DAY else day.replace(day=1)

    def last_day(self, place: date) -> date:
        """The last day of the period that belongs to this place."""
        if self.granularity == Granularity.DAY:
            return place
        next_month = (place + timedelta(days=31)).replace(day=1)
        return min(next_month - ONE_DAY, self.end)

    def within(self, name: str) -> Q:
        """The condition that the time in the column `name` belongs to it."""
        return Q(**{f"{name}__gte": self.since, f"{name}__lt": self.until})

    def place_of(self, name: str) -> Any:
        """The expression for the place to which the time in the column `name` belongs, which must be within it."""
        bounds = tuple(self.midnight(place) for place in self.places[1:])
        return Among(name, bounds, tuple(self.places), output_field=DateField())

    def filled(self, found: Mapping[date, V] | Iterable[tuple[date, V]], empty: V) -> dict[date, V]:
        """A value for each place, in order: what was found, else `empty`."""
        known = dict(found)
        return {place: known.get(place, empty) for place in self.places}
