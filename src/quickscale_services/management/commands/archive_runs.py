from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from quickscale_credits.analytics import rolling
from quickscale_credits.archives import ArchiveFile, first_moment
from quickscale_credits.management.ledger_command import LedgerCommand
from quickscale_services import archiving


class Command(LedgerCommand):
    help = (
        "Move runs that ended long ago to a new file of JSON lines, and delete them. Their sums stay for the reports, "
        "and what they were charged stays in the ledger. An idempotency key goes with its run."
    )
    when_stopped = "What is in the file is whole. Run it again with another --output to go on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", required=True, metavar="DATE", help="runs that ended before this day, in UTC")
        parser.add_argument("--output", type=Path, metavar="FILE", help="a file that does not exist yet")
        parser.add_argument("--dry-run", action="store_true", help="say how many there are, and change nothing")

    def run(self, *, before: str, output: Path | None, dry_run: bool, **options: Any) -> None:
        moment = first_moment(before, latest=archiving.latest())
        try:
            if dry_run:
                self.stdout.write(f"{archiving.archivable(moment).count()} runs would be archived.")
            elif output is None:
                raise CommandError("Say where the runs go: --output FILE.")
            else:
                archiving.archivable(moment)
                self._archive(moment, output)
        except (archiving.NotCounted, rolling.OtherTimeZone) as error:
            raise CommandError(str(error)) from error

    def _archive(self, moment: Any, output: Path) -> None:
        with ArchiveFile(output) as file:
            count = sum(self.counted(archiving.archive(moment, file), "batches"))
        self.stdout.write(f"{count} runs archived in {output}.\nSHA-256 {file.digest}")
