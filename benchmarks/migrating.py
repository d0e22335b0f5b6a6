"""A database with tables and accounts, made by another process: a Django project knows one database here."""

from __future__ import annotations

import os
from multiprocessing import get_context


def in_another_process(database: str, place: str, entries_each: int) -> list[int]:
    """The owners of a hundred accounts with so many entries each, in a new database."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_fill, (database, place, entries_each))


def set_up(database: str, place: str, *, settings: str = "benchmarks.settings") -> None:
    import django
    from django.core.management import call_command

    os.environ |= {"BENCHMARK_DATABASE": database, "BENCHMARK_PLACE": place}
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)


def _fill(database: str, place: str, entries_each: int) -> list[int]:
    set_up(database, place)
    from benchmarks.contenders.quickscale import QuickScale
    from benchmarks.filling import add_spends

    owners = QuickScale().prepare(100)
    add_spends(owners, entries_each)
    return owners
