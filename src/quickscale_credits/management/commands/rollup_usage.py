from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser

from quickscale_credits.analytics import rolling, statistics
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = "Add up what came since the last run for the reports. Run it every hour or so; two at once do no harm."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="forget the sums and count from the first row")

    def run(self, *, rebuild: bool, **options: Any) -> None:
        try:
            if rebuild:
                rolling.require_time_zone_of_archives()
            for rollup in rolling.registered.values():
                pages = rollup.rebuild() if rebuild else rollup.roll_up()
                self._report(rollup, pages)
        except (rolling.OtherTimeZone, rolling.ArchivedDays) as error:
            raise CommandError(str(error)) from error
        statistics.renew()

    def _report(self, rollup: rolling.Rollup, pages: Iterator[int]) -> None:
        count = sum(self.counted(pages, "pages"))
        self.stdout.write(f"{count} {rollup.what} added up.")
