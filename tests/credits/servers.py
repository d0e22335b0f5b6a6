"""A PostgreSQL server of a test's own, which may be killed and started again."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests import databases

LASTING = {"fsync": "on", "full_page_writes": "on"}


@contextmanager
def mortal_server() -> Iterator["MortalServer"]:
    folder = Path(tempfile.mkdtemp(prefix="quickscale-mortal-"))
    try:
        server = MortalServer(folder)
        server.start()
        try:
            yield server
        finally:
            databases.stop(server.process)
    finally:
        shutil.rmtree(folder)


class MortalServer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user, self.binaries = databases.unprivileged(folder)
        databases.initialize(folder, self.user, self.binaries)
        self.port = databases.free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        self.process = databases.start(self.folder, self.user, self.binaries, self.port, **LASTING)
        databases.wait_until_it_answers(self.process, self.url, self.folder / "log")

    def stop(self) -> None:
        """As an administrator does it: sessions are ended, everything is written."""
        databases.stop(self.process)

    def kill(self) -> None:
        """As the kernel does it when memory runs out: every process at once, with nothing written or said."""
        pids = [pid for (pid,) in self.query("SELECT pid FROM pg_stat_activity")]
        for pid in [self.process.pid, *pids]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, connect_timeout=10) as connection:
            return connection.execute(text).fetchall()
