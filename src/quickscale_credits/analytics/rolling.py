"""What all rollups have in common: which there are, their time zone, and their lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError, connections, router
from django.db.models import Model

from quickscale_credits.analytics.memory import remembered
from quickscale_credits.conf import conf
from quickscale_credits.models import RollupWatermark


class OtherTimeZone(Exception):
    """The rollups have the days of another time zone than the reports."""

    def __init__(self, has: str) -> None:
        super().__init__(has)
        self.has = has

    def __str__(self) -> str:
        return (
            f'The rollups have the days of {self.has}, and QUICKSCALE_CREDITS["REPORTING_TIME_ZONE"] is '
            f"{conf.REPORTING_TIME_ZONE}. Run rollup_usage --rebuild."
        )


class ArchivedDays(Exception):
    """The rows of archived days are gone, so that they cannot be counted in another time zone."""

    def __init__(self, has: str) -> None:
        super().__init__(has)
        self.has = has

    def __str__(self) -> str:
        return (
            f"Archived rows are counted in the days of {self.has}, and cannot be counted in other ones: leave "
            f'QUICKSCALE_CREDITS["REPORTING_TIME_ZONE"] at {self.has}.'
        )


class Rollup(Protocol):
    """What `rollup_usage` fills and `verify_ledger` verifies. Each app may have one."""

    name: str
    what: str  # it counts

    def roll_up(self) -> Iterator[int]:
        """Counts what came since the last time; yields how many rows there were, page by page.

        May be stopped, run again and run twice at once. Raises `OtherTimeZone`.
        """

    def rebuild(self) -> Iterator[int]:
        """Forgets all and counts from the first row, in the time zone of the reports."""

    def problems(self) -> Iterator[str]:
        """What does not agree with the rows that were counted."""


registered: dict[str, Rollup] = {}


# The sums that are left of archived rows, by the days of one time zone.
_archived: list[type[Model]] = []


def register(rollup: Rollup, *, archived: type[Model] | None = None) -> None:
    registered[rollup.name] = rollup
    if archived is not None and archived not in _archived:
        _archived.append(archived)


def require_time_zone_of_archives() -> None:
    """Before anything is counted anew. Raises `ArchivedDays`."""
    others = other_time_zones()
    if others and any(model._base_manager.using(database()).exists() for model in _archived):
        raise ArchivedDays(others[0])


def database() -> str:
    return router.db_for_write(RollupWatermark)


def knows_the_time_zone(using: str) -> bool:
    """MySQL and MariaDB know UTC alone until their time zone tables are loaded."""
    return conf.REPORTING_TIME_ZONE == "UTC" or connections[using].features.has_zoneinfo_database


def make_watermark(name: str) -> None:
    """That it is there to be locked. Raises `OtherTimeZone`, or `ImproperlyConfigured` where there are no zones."""
    if not knows_the_time_zone(database()):
        raise ImproperlyConfigured("Load the time zones into the database: check quickscale_credits.E006 says how.")
    watermark = made_watermark(name)
    if watermark.time_zone != conf.REPORTING_TIME_ZONE:
        raise OtherTimeZone(watermark.time_zone)


def made_watermark(name: str) -> RollupWatermark:
    """Of whatever time zone. Outside a transaction, in which two that make it at once could wait for each other."""
    made, _ = RollupWatermark.objects.using(database()).get_or_create(
        name=name, defaults={"time_zone": conf.REPORTING_TIME_ZONE}
    )
    return made


def locked_watermark(name: str) -> RollupWatermark:
    """In a transaction: nobody else rolls up until it ends. Raises `OtherTimeZone`, if somebody has just rebuilt."""
    watermark = lock_watermark(name)
    if watermark.time_zone != conf.REPORTING_TIME_ZONE:
        raise OtherTimeZone(watermark.time_zone)
    return watermark


def lock_watermark(name: str) -> RollupWatermark:
    """Likewise, of whatever time zone. It must have been made."""
    return RollupWatermark.objects.using(database()).select_for_update().get(name=name)


def reset_watermark(name: str) -> None:
    """In a transaction: locked, in the time zone of the reports, with nothing counted. It must have been made.

    Raises `ArchivedDays`.
    """
    lock_watermark(name)
    require_time_zone_of_archives()
    RollupWatermark.objects.using(database()).filter(name=name).update(
        time_zone=conf.REPORTING_TIME_ZONE, closed_until=None
    )


@remembered
def usable_watermark(name: str) -> RollupWatermark | None:
    """None where nothing is counted in the time zone of the reports, so that all must be read live."""
    return RollupWatermark.objects.using(database()).filter(name=name, time_zone=conf.REPORTING_TIME_ZONE).first()


def other_time_zones() -> list[str]:
    """Of rollups that must be rebuilt; none where there are no tables yet."""
    others = RollupWatermark.objects.using(database()).exclude(time_zone=conf.REPORTING_TIME_ZONE)
    try:
        return sorted(set(others.values_list("time_zone", flat=True)))
    except (OperationalError, ProgrammingError):
        return []
