"""Files that old rows are moved to: JSON lines that are on the disk before any row is deleted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import Model
from django.utils import timezone
from django.utils.dateparse import parse_date


class NotCounted(Exception):
    """What would go is not in the rollups of the reporting time zone; says what to do."""


class ArchiveFile:
    """A new file, written line by line; one that exists is never touched. `digest` is of all that was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = sha256()

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("xb")
        except FileExistsError as error:
            raise CommandError(f"{self.path} exists. An archive is never written over: name a new file.") from error
        except OSError as error:
            raise CommandError(f"{self.path} cannot be written: {error.strerror}.") from error
        _keep_name(self.path.parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, lines: Iterable[str]) -> None:
        """When this returns, the lines are on the disk."""
        for line in lines:
            data = line.encode()
            self._digest.update(data)
            self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def _keep_name(folder: Path) -> None:
    """A new file may be lost by name, whatever is in it, until its folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_line(values: dict[str, Any]) -> str:
    """With keys in order and ASCII alone, so that the same row is the same line everywhere; amounts are strings."""
    return json.dumps(values, default=_plain, sort_keys=True) + "\n"


def columns_of(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"A row of an archive cannot hold a {type(value).__name__}.")


def first_moment(text: str, *, latest: datetime) -> datetime:
    """Midnight, in UTC, of a day that an operator gave; not after `latest`."""
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise CommandError(f"--before takes a day such as 2026-01-31, not {text!r}.")
    moment = _midnight(day)
    if moment > latest:
        raise CommandError(f"--before may be {latest.date()} at the latest: what is younger may still be asked for.")
    return moment


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min), UTC)
