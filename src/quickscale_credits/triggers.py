"""Append-only tables, kept so by triggers of the database. Of entries only those go that `ArchivedEntries` cover.

They are made after every `migrate`, not in a migration, because SQLite silently drops a table's triggers when it
rebuilds the table for a later change. It cannot rebuild one that the trigger of another table names: there all are
lifted before our tables are migrated. `flush` lifts them (Django's own deletes row by row on SQLite and MySQL).
The stated gap: on PostgreSQL the owner of a table can TRUNCATE it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from django.db import DatabaseError, connections, router, transaction
from django.db.models import Model

from quickscale_credits.models import Allocation, ArchivedEntries, ArchivedSum, LedgerEntry

logger = logging.getLogger(__name__)

TABLES: tuple[type[Model], ...] = (ArchivedEntries, ArchivedSum, LedgerEntry, Allocation)
EVENTS = {
    "postgresql": ("change",),
    "sqlite": ("update", "delete", "replace"),
    "mysql": ("update", "delete"),
}


def names(model: type[Model], vendor: str) -> list[str]:
    return [f"{model._meta.db_table}_no_{event}" for event in EVENTS.get(vendor, ())]


def install(using: str) -> None:
    """Make the triggers, if any are missing; all of them, or none while a table is missing that they name."""
    connection = connections[using]
    if not missing(using) or len(_tables(using)) < len(TABLES):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for statement in _statements(f"{connection.vendor}_install.sql"):
            cursor.execute(statement)


def lift(using: str) -> None:
    """Drop the triggers. Only for `flush` and for tests that tamper with the ledger."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for model in TABLES:
            for name in names(model, connection.vendor):
                on = f" ON {model._meta.db_table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


@contextmanager
def lifted(using: str) -> Iterator[None]:
    lift(using)
    try:
        yield
    finally:
        install(using)


def missing(using: str) -> list[str]:
    """The triggers that should be there and are not; none while the tables themselves are missing."""
    connection = connections[using]
    with connection.cursor() as cursor:
        wanted = {name for model in _tables(using) for name in names(model, connection.vendor)}
        if not wanted:
            return []
        cursor.execute(_EXISTING[connection.vendor])
        return sorted(wanted - {row[0] for row in cursor.fetchall()})


def _tables(using: str) -> list[type[Model]]:
    """Those that are there."""
    connection = connections[using]
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
    return [model for model in TABLES if model._meta.db_table in there]


def lift_before_migrate(using: str, plan: Any, **kwargs: Any) -> None:
    """A receiver of `pre_migrate`, for SQLite."""
    is_ours = any(migration.app_label == "quickscale_credits" for migration, _ in plan)
    if is_ours and connections[using].vendor == "sqlite":
        lift(using)


def install_after_migrate(using: str, **kwargs: Any) -> None:
    """A receiver of `post_migrate`. Does not fail: the system check reports what could not be made."""
    if not router.allow_migrate_model(using, LedgerEntry):
        return
    try:
        install(using)
    except DatabaseError as error:
        # MySQL with binary logging lets only privileged users make triggers.
        logger.warning("The append-only triggers of the ledger could not be made: %s", error)


_EXISTING = {
    # Those of the tables that this connection means, and that fire for ordinary sessions.
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND tgrelid IN "
    "(to_regclass('quickscale_credits_ledgerentry'), to_regclass('quickscale_credits_allocation'), "
    "to_regclass('quickscale_credits_archivedentries'), to_regclass('quickscale_credits_archivedsum'))",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
}


def _statements(name: str) -> list[str]:
    text = files("quickscale_credits").joinpath("sql", name).read_text()
    return [statement.strip() for statement in text.split("---") if statement.strip()]
