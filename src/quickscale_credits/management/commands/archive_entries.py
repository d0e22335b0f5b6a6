from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.core.management.base import CommandError

from quickscale_credits import archiving
from quickscale_credits.archives import ArchiveFile
from quickscale_credits.exceptions import LedgerDamaged
from quickscale_credits.management.archive_command import ArchiveCommand


class Command(ArchiveCommand):
    help = (
        "Move spends and expiries that were booked long ago, and that nothing names, to a new file of JSON lines, and "
        "delete them. What they come to stays, for verification, limits and reports."
    )
    rows = "entries"
    old_rows = "entries booked"

    def latest(self) -> datetime:
        return archiving.latest()

    def expected(self, before: datetime) -> str:
        entries, stretches = archiving.expected(before)
        return f"{entries} entries in {stretches} stretches"

    def require_counted(self, before: datetime) -> None:
        archiving.archivable(before)

    def archive(self, before: datetime, output: Path) -> None:
        count, left = 0, 0
        with ArchiveFile(output) as file:
            for account in self.counted(archiving.accounts(before), "accounts"):
                try:
                    count += sum(archiving.archive(account, before, file))
                except LedgerDamaged as error:
                    left += 1
                    self.stderr.write(str(error))
        self.stdout.write(f"{count} entries archived in {output}.\nSHA-256 {file.digest}")
        if left:
            raise CommandError(f"{left} accounts that are not sound were left as they are.")
