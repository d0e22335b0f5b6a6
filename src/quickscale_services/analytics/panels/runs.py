"""How often services run, for whom, and how long it takes. Runs count on the day on which they were asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from quickscale_credits.analytics import Column, Figure, Panel, Period, Series, Table, Unit
from quickscale_credits.analytics.panels.accounts import names_of
from quickscale_services.analytics import reading
from quickscale_services.analytics.durations import percentile
from quickscale_services.analytics.panels.outcomes import (
    DRAWN,
    OTHERS,
    SERVICE,
    by_service,
    cost,
    runs,
    stacked,
    success,
    title,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LISTED = 10


class Runs(Panel):
    key = "services"
    title = _("Services")

    def figures(self, period: Period) -> list[Figure]:
        found, timed = reading.outcomes(period, with_durations=True), reading.durations_by_service(period)
        everything = [each for classes in timed.values() for each in classes.items()]
        return [
            Figure(
                key="runs",
                label=_("Runs"),
                value=runs(found),
                definition=_("Runs asked for in the period, whatever came of them; those under way among them."),
            ),
            Figure(
                key="success",
                label=_("Success rate"),
                value=success(found),
                unit=Unit.PERCENT,
                definition=_(
                    "Succeeded ÷ (succeeded + failed + expired). Leaves out runs that were canceled or are under way."
                ),
            ),
            Figure(
                key="credits",
                label=_("Credits charged"),
                value=cost(found),
                unit=Unit.CREDITS,
                definition=_(
                    "Sum of what the runs of the period were charged, every part of a charge that several grants paid. "
                    "What was credited back later is not subtracted."
                ),
            ),
            Figure(
                key="accounts",
                label=_("Unique accounts"),
                value=reading.accounts(period),
                definition=_("Accounts that asked for at least one run in the period."),
            ),
            *_percentile_figures(everything),
        ]

    def series(self, period: Period) -> list[Series]:
        found = reading.by_service(period)
        return [
            *stacked(found, key="runs", chart=_("Runs"), unit=Unit.COUNT),
            *stacked(found, key="credits", chart=_("Credits charged"), unit=Unit.CREDITS),
            *(
                _timed(f"p{percent}", label, percent, period, chart=_("Duration"))
                for percent, label in _PERCENTILES.items()
            ),
            *(each for percent in _PERCENTILES for each in _timed_by_service(percent, period)),
        ]

    def tables(self, period: Period) -> list[Table]:
        found = by_service(reading.outcomes(period, with_durations=True))
        timed, accounts = reading.durations_by_service(period), reading.accounts_by_service(period)
        return [
            Table(
                key="services",
                title=_("By service"),
                columns=[
                    SERVICE,
                    Column(key="runs", label=_("Runs")),
                    Column(key="success", label=_("Success rate"), unit=Unit.PERCENT),
                    Column(key="credits", label=_("Credits charged"), unit=Unit.CREDITS),
                    Column(key="accounts", label=_("Unique accounts")),
                    *(Column(key=f"p{each}", label=label, unit=Unit.SECONDS) for each, label in _PERCENTILES.items()),
                ],
                rows=[
                    [
                        title(service),
                        runs(ended),
                        success(ended),
                        cost(ended),
                        accounts.get(service, 0),
                        *(percentile(each, timed.get(service, {}).items()) for each in _PERCENTILES),
                    ]
                    for service, ended in found.items()
                ],
            )
        ]


def _timed_by_service(percent: int, period: Period) -> Iterator[Series]:
    """A line for each of those that succeeded most often, and one for all others together."""
    succeeded = {service: classes.total() for service, classes in reading.durations_by_service(period).items()}
    ranked = sorted(succeeded, key=lambda service: (-succeeded[service], service))
    chart = _BY_SERVICE[percent]
    for service in ranked[:DRAWN]:
        yield _timed(f"p{percent}-{service}", title(service), percent, period, [service], chart=chart)
    if others := ranked[DRAWN:]:
        yield _timed(f"p{percent}-others", OTHERS, percent, period, others, chart=chart)


def _timed(
    key: str,
    label: StrOrPromise,
    percent: int,
    period: Period,
    services: Collection[str] | None = None,
    *,
    chart: StrOrPromise,
) -> Series:
    timed = reading.durations_by_place(period, services)
    return Series(
        key=key,
        label=label,
        chart=chart,
        unit=Unit.SECONDS,
        points={place: percentile(percent, classes.items()) for place, classes in timed.items()},
        is_line=True,
    )


_BY_SERVICE = {50: _("Half took at most, by service"), 95: _("95 % took at most, by service")}
_PERCENTILES = {50: _("Half took at most"), 95: _("95 % took at most")}
_TIMED = {
    50: _(
        "The duration that half of the runs that succeeded do not exceed, in classes of which each is at most 28 % "
        "above the one before: the upper end of the class is shown. Leaves out the time in a queue."
    ),
    95: _(
        "The duration that 95 % of the runs that succeeded do not exceed, in classes of which each is at most 28 % "
        "above the one before: the upper end of the class is shown. Leaves out the time in a queue."
    ),
}


def _percentile_figures(classes: list[tuple[int, int]]) -> list[Figure]:
    return [
        Figure(
            key=f"p{each}",
            label=words,
            value=percentile(each, classes),
            unit=Unit.SECONDS,
            is_good_when_up=False,
            definition=_TIMED[each],
        )
        for each, words in _PERCENTILES.items()
    ]


class Customers(Panel):
    key = "service-accounts"
    title = _("Who uses services")

    def tables(self, period: Period) -> list[Table]:
        found = reading.charged_most(period, LISTED)
        names = names_of([pk for pk, _runs, _cost in found])
        return [
            Table(
                key="accounts",
                title=_("Charged most"),
                columns=[
                    Column(key="account", label=_("Account"), unit=Unit.TEXT),
                    Column(key="runs", label=_("Runs")),
                    Column(key="credits", label=_("Credits charged"), unit=Unit.CREDITS),
                ],
                rows=[[names[pk], runs, cost] for pk, runs, cost in found],
                definition=_("Runs asked for in the period. What was credited back later is not subtracted."),
            )
        ]
