from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import Max
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from quickscale_credits.exporting import archived_between, as_csv, as_jsonl, entries_between
from quickscale_credits.management.ledger_command import LedgerCommand, named_owner
from quickscale_credits.models import CreditAccount
from quickscale_credits.querysets import ArchiveQuerySet


class Command(LedgerCommand):
    help = "Write the ledger as CSV or JSON lines, entry by entry. A file appears only when it is complete."
    when_stopped = "No file was written: run it again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["csv", "jsonl"], default="csv")
        parser.add_argument("--output", type=Path, metavar="FILE", help="standard output if not given")
        parser.add_argument("--owner", metavar="PK", help="this owner's entries alone")
        parser.add_argument("--since", metavar="TIME", help="from this day or moment on, in UTC if it says no zone")
        parser.add_argument("--until", metavar="TIME", help="before this day or moment")

    def run(self, *, format: str, output: Path | None, owner: str | None, **options: Any) -> None:  # noqa: A002
        which: dict[str, Any] = {
            "account_id": None if owner is None else _account_id(owner),
            "since": _moment("--since", options["since"]),
            "until": _moment("--until", options["until"]),
        }
        counted = iter(self.counted(entries_between(**which), "entries"))
        lines = as_csv(counted) if format == "csv" else as_jsonl(counted)
        if output is None:
            self._write_to_standard_output(lines)
        else:
            self._write_to_file(lines, output)
        self._tell_of_archived(archived_between(**which))

    def _tell_of_archived(self, archives: ArchiveQuerySet) -> None:
        if number := archives.number():
            last = archives.aggregate(last=Max("until"))["last"]
            self.stderr.write(
                f"{number} entries, the last of {last.astimezone(UTC).date()}, were archived: they are not here, "
                "but in the files of archive_entries."
            )

    def _write_to_standard_output(self, lines: Iterator[str]) -> None:
        self.stdout.ending = ""
        try:
            for line in lines:
                self.stdout.write(line)
            self.stdout.flush()
        except BrokenPipeError:
            # The reader has enough, like `head`. Python would complain once more when it closes standard output.
            sys.stderr.close()

    def _write_to_file(self, lines: Iterator[str], output: Path) -> None:
        try:
            _write_whole(lines, output)
        except OSError as error:
            advice = "Give --output a file in a folder that exists and has room."
            raise CommandError(f"{output} cannot be written: {error.strerror}. {advice}") from error
        self.stderr.write(f"Written to {output}.")


def _write_whole(lines: Iterator[str], output: Path) -> None:
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        part.replace(output)
    finally:
        with suppress(OSError):
            part.unlink()


def _account_id(key: str) -> int:
    owner = named_owner(key)
    account = CreditAccount.objects.for_owner(owner).first()
    if account is None:
        raise CommandError(f"{owner._meta.label} {key} has no credit account.")
    return account.pk


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        day = parse_date(text)
        moment = parse_datetime(text) if day is None else datetime.combine(day, time.min)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{option} takes a day or a moment such as 2026-01-31 or 2026-01-31T12:00Z, not {text!r}.")
    return timezone.make_aware(moment, UTC) if timezone.is_naive(moment) else moment
