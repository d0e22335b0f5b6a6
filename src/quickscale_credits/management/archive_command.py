"""What the commands share that move old rows to a file: how they are asked, and when they refuse."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from quickscale_credits.analytics import rolling
from quickscale_credits.archives import NotCounted, first_moment
from quickscale_credits.management.ledger_command import LedgerCommand


class ArchiveCommand(LedgerCommand):
    """Subclasses say what goes, and until when it may; the last three may raise `NotCounted`."""

    when_stopped = "What is in the file is whole. Run it again with another --output to go on."
    rows = ""
    old_rows = ""

    def latest(self) -> datetime:
        raise NotImplementedError

    def expected(self, before: datetime) -> str:
        """What would go, in words."""
        raise NotImplementedError

    def require_counted(self, before: datetime) -> None:
        """Before the file is made."""
        raise NotImplementedError

    def archive(self, before: datetime, output: Path) -> None:
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", required=True, metavar="DATE", help=f"{self.old_rows} before this day, in UTC")
        parser.add_argument("--output", type=Path, metavar="FILE", help="a file that does not exist yet")
        parser.add_argument("--dry-run", action="store_true", help="say how many there are, and change nothing")

    def run(self, *, before: str, output: Path | None, dry_run: bool, **options: Any) -> None:
        moment = first_moment(before, latest=self.latest())
        try:
            if dry_run:
                self.stdout.write(f"{self.expected(moment)} would be archived.")
            elif output is None:
                raise CommandError(f"Say where the {self.rows} go: --output FILE.")
            else:
                self.require_counted(moment)
                self.archive(moment, output)
        except (NotCounted, rolling.OtherTimeZone) as error:
            raise CommandError(str(error)) from error
