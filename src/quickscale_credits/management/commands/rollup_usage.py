from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from quickscale_credits.analytics import rollups
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = "Add up the entries since the last run for the reports. Run it every hour or so; two at once do no harm."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="forget the sums and count from the first entry")

    def run(self, *, rebuild: bool, **options: Any) -> None:
        pages = rollups.rebuild() if rebuild else rollups.roll_up()
        count = sum(self.counted(pages, "pages"))
        self.stdout.write(f"{count} entries added up.")
