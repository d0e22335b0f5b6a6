"""At which isolation levels the ledger works: at all but one."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured


def is_blind_to_its_lock(connection: Any) -> bool:
    """MySQL's and MariaDB's REPEATABLE READ: what is read after a lock was waited for is as old as the transaction.

    Credits that somebody else has spent meanwhile would be spent again. Everywhere else what is read under a lock is
    what its last holder wrote, or the database refuses the transaction. Django's default is READ COMMITTED.
    """
    if connection.vendor != "mysql":
        return False
    level = connection.settings_dict["OPTIONS"].get("isolation_level", "read committed")
    return level is None or level.lower() == "repeatable read"


def refuse_blindness(connection: Any) -> None:
    if is_blind_to_its_lock(connection):
        raise ImproperlyConfigured(
            f'The ledger cannot work at REPEATABLE READ: set DATABASES["{connection.alias}"]["OPTIONS"]'
            '["isolation_level"] to "read committed", Django\'s default.'
        )
