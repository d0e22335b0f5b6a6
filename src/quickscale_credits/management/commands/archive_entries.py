from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from quickscale_credits import archiving
from quickscale_credits.analytics import rolling
from quickscale_credits.archives import ArchiveFile, first_moment
from quickscale_credits.exceptions import LedgerDamaged
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = (
        "Move spends and expiries that were booked long ago, and that nothing names, to a new file of JSON lines, and "
        "delete them. What they come to stays, for verification, limits and reports."
    )
    when_stopped = "What is in the file is whole. Run it again with another --output to go on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", required=True, metavar="DATE", help="entries booked before this day, in UTC")
        parser.add_argument("--output", type=Path, metavar="FILE", help="a file that does not exist yet")
        parser.add_argument("--dry-run", action="store_true", help="say how many there are, and change nothing")

    def run(self, *, before: str, output: Path | None, dry_run: bool, **options: Any) -> None:
        moment = first_moment(before, latest=archiving.latest())
        try:
            if dry_run:
                entries, stretches = archiving.expected(moment)
                self.stdout.write(f"{entries} entries in {stretches} stretches would be archived.")
            elif output is None:
                raise CommandError("Say where the entries go: --output FILE.")
            else:
                archiving.archivable(moment)
                self._archive(moment, output)
        except (archiving.NotCounted, rolling.OtherTimeZone) as error:
            raise CommandError(str(error)) from error

    def _archive(self, moment: datetime, output: Path) -> None:
        count, left = 0, 0
        with ArchiveFile(output) as file:
            for account in self.counted(archiving.accounts(moment), "accounts"):
                try:
                    count += sum(archiving.archive(account, moment, file))
                except LedgerDamaged as error:
                    left += 1
                    self.stderr.write(str(error))
        self.stdout.write(f"{count} entries archived in {output}.\nSHA-256 {file.digest}")
        if left:
            raise CommandError(f"{left} accounts that are not sound were left as they are.")
