"""The databases of a run: each made for it, described, and dropped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

SERVER = urlsplit(os.environ.get("DATABASE_URL") or "postgresql://postgres@127.0.0.1:5432/")
SHOWN = (
    *("server_version", "fsync", "synchronous_commit", "wal_sync_method", "full_page_writes"),
    *("shared_buffers", "max_wal_size", "autovacuum"),
)


@dataclass(frozen=True, kw_only=True)
class Database:
    title: str
    is_server: bool
    options: dict[str, Any] = field(default_factory=dict)

    def settings(self, place: str) -> dict[str, Any]:
        if not self.is_server:
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": place, "OPTIONS": self.options}
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": place,
            "USER": unquote(SERVER.username or ""),
            "PASSWORD": unquote(SERVER.password or ""),
            "HOST": SERVER.hostname,
            "PORT": SERVER.port or 5432,
            "OPTIONS": self.options,
        }


DATABASES = {
    "sqlite": Database(
        title="SQLite",
        is_server=False,
        options={
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        },
    ),
    "postgresql": Database(title="PostgreSQL", is_server=True),
    "binding": Database(
        title="PostgreSQL, server-side binding",
        is_server=True,
        options={"server_side_binding": True, "prepare_threshold": 5},
    ),
}


@contextmanager
def made(name: str) -> Iterator[str]:
    """A new, empty database; yields its place, and drops it."""
    if not DATABASES[name].is_server:
        with TemporaryDirectory(prefix="quickscale-benchmarks-") as folder:
            yield str(Path(folder) / "ledger.sqlite3")
        return
    place = f"quickscale_benchmark_{uuid4().hex}"
    administer(f"CREATE DATABASE {place}")
    try:
        yield place
    finally:
        administer(f"DROP DATABASE {place} WITH (FORCE)")


def administer(statement: str) -> None:
    import psycopg

    with psycopg.connect(floor_url("postgres"), autocommit=True) as connection:
        connection.execute(statement)


def floor_url(place: str) -> str:
    return SERVER._replace(path=f"/{place}", query="").geturl()


def describe() -> dict[str, str]:
    """The version and the settings that decide what a commit costs, as the connection in use has them."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            import sqlite3

            pragmas = {}
            for name in ("journal_mode", "synchronous", "foreign_keys"):
                cursor.execute(f"PRAGMA {name}")
                pragmas[name] = str(cursor.fetchone()[0])
            return {"version": sqlite3.sqlite_version, **pragmas}
        shown = {}
        for name in SHOWN:
            cursor.execute(f"SHOW {name}")
            shown[name] = cursor.fetchone()[0]
        options = connection.settings_dict["OPTIONS"]
        return shown | {name: str(value) for name, value in options.items() if name != "assume_role"}


def is_there(name: str) -> bool:
    if not DATABASES[name].is_server:
        return True
    with suppress(Exception):
        administer("SELECT 1")
        return True
    return False
