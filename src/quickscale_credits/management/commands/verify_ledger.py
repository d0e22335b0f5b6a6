from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser

from quickscale_credits.analytics import rolling
from quickscale_credits.ledger.verifying import Problem, verify_all, whole_ledger
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = "Recompute every account from its rows. A line per problem and exit code 1 if anything does not agree."
    when_stopped = "Run it again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--after", type=int, default=0, metavar="ACCOUNT", help="go on after this account's id")

    def run(self, *, after: int, **options: Any) -> None:
        problems = 0
        for problem in self._problems(after):
            problems += 1
            self.stdout.write(str(problem))
        if problems:
            raise CommandError(
                f"{problems} problems found. Stop what writes to this database, restore or correct the rows named "
                "above, and run it again."
            )
        self.stdout.write("The ledger is sound.")

    def _problems(self, after: int) -> Iterator[Problem]:
        yield from whole_ledger()
        for rollup in rolling.registered.values():
            for difference in rollup.problems():
                yield Problem(None, "rollup", f"{difference}; run rollup_usage --rebuild")
        for pk, problems in self.counted(verify_all(after), "accounts"):
            yield from problems
            self.when_stopped = f"To go on, run verify_ledger --after {pk}."
