"""DATABASES from the one variable that chooses it: DATABASE_URL, or a SQLite file of this run's own."""

import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

ENGINES = {
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
    "mariadb": "django.db.backends.mysql",
    "mysql": "django.db.backends.mysql",
}

# The same in all workers of one pytest run, another in every other run that shares the server.
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")[:8] or str(os.getpid())


def databases() -> dict[str, dict[str, Any]]:
    url = urlsplit(os.environ.get("DATABASE_URL") or "sqlite:")
    if url.scheme == "sqlite":
        return {"default": sqlite(unquote(url.path))}
    if url.scheme not in ENGINES:
        known = ", ".join(["sqlite", *ENGINES])
        raise ValueError(f"DATABASE_URL must begin with one of {known}, not with {url.scheme!r}.")
    if url.scheme in {"mariadb", "mysql"}:
        let_pymysql_stand_in_for_mysqlclient()
    return {"default": server(url)}


def sqlite(path: str) -> dict[str, Any]:
    """A file, so that threads and other processes can share it; as the docs advise, but not waiting for the disk."""
    file = path or str(Path(tempfile.gettempdir()) / f"quickscale-tests-{RUN}.sqlite3")
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
        "TEST": {"NAME": file},
    }


def server(url: SplitResult) -> dict[str, Any]:
    name = url.path.strip("/")
    return {
        "ENGINE": ENGINES[url.scheme],
        "NAME": name,
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "",
        "PORT": str(url.port or ""),
        "OPTIONS": dict(parse_qsl(url.query)),
        "TEST": {"NAME": f"test_{name}_{RUN}"},
    }


def let_pymysql_stand_in_for_mysqlclient() -> None:
    """PyMySQL needs no compiler; Django only asks that the driver call itself a recent mysqlclient."""
    import pymysql

    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.install_as_MySQLdb()
