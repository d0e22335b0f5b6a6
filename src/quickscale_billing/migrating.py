"""Telling somebody who waits for `migrate` what they wait for."""

from __future__ import annotations

import sys
from typing import Any

from django.db.migrations import Migration

FIRST = ("djstripe", "0001_initial")


def say_why_it_takes_long(
    verbosity: int = 1, plan: list[tuple[Migration, bool]] | None = None, stdout: Any = None, **kwargs: Any
) -> None:
    """60 to 125 s of CPU were measured for dj-stripe's migrations on an empty database."""
    coming = {(migration.app_label, migration.name) for migration, backwards in plan or [] if not backwards}
    if verbosity and FIRST in coming:
        told = "  dj-stripe's first migrations make and alter some sixty tables: a minute or two, this once."
        (stdout or sys.stdout).write(f"{told}\n")
