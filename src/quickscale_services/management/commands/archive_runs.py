from __future__ import annotations

from datetime import datetime
from pathlib import Path

from quickscale_credits.archives import ArchiveFile
from quickscale_credits.management.archive_command import ArchiveCommand
from quickscale_services import archiving


class Command(ArchiveCommand):
    help = (
        "Move runs that ended long ago to a new file of JSON lines, and delete them. Their sums stay for the reports, "
        "and what they were charged stays in the ledger. An idempotency key goes with its run."
    )
    rows = "runs"
    old_rows = "runs that ended"

    def latest(self) -> datetime:
        return archiving.latest()

    def expected(self, before: datetime) -> str:
        return f"{archiving.archivable(before).count()} runs"

    def require_counted(self, before: datetime) -> None:
        archiving.archivable(before)

    def archive(self, before: datetime, output: Path) -> None:
        with ArchiveFile(output) as file:
            count = sum(self.counted(archiving.archive(before, file), "batches"))
        self.stdout.write(f"{count} runs archived in {output}.\nSHA-256 {file.digest}")
