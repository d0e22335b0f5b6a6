"""What goes wrong."""

from __future__ import annotations

from collections import Counter

from django.utils.translation import gettext_lazy as _

from quickscale_credits.analytics import Column, Figure, Panel, Period, Series, Table, Unit
from quickscale_services.analytics import reading
from quickscale_services.analytics.panels.outcomes import SERVICE, error_words, runs, stacked, title
from quickscale_services.analytics.reading import FAILED


class Failures(Panel):
    key = "failures"
    title = _("Failed runs")

    def figures(self, period: Period) -> list[Figure]:
        found = reading.outcomes(period)
        return [
            Figure(
                key="failed",
                label=_("Failed"),
                value=runs(each for each in found if each.status in FAILED),
                is_good_when_up=False,
                definition=_(
                    "Runs that failed, took too long or expired. Leaves out runs that were canceled, and requests that "
                    "were refused before a run began, such as for want of credits."
                ),
            )
        ]

    def series(self, period: Period) -> list[Series]:
        return list(
            stacked(reading.by_error(period), key="error", chart=_("By error"), unit=Unit.COUNT, words=error_words)
        )

    def tables(self, period: Period) -> list[Table]:
        failed: Counter[tuple[str, str]] = Counter()
        for each in reading.outcomes(period):
            if each.error_code:
                failed[each.service, each.error_code] += each.runs
        return [
            Table(
                key="errors",
                title=_("By service and error"),
                columns=[
                    SERVICE,
                    Column(key="error", label=_("Error"), unit=Unit.TEXT),
                    Column(key="runs", label=_("Runs")),
                ],
                rows=[
                    [title(service), error_words(code), number]
                    for (service, code), number in sorted(failed.items(), key=lambda pair: (-pair[1], pair[0]))
                ],
                definition=_(
                    "Runs with an error code, streams that were charged in part and runs that were canceled among them."
                ),
            )
        ]
