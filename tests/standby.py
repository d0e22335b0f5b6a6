"""Two PostgreSQL servers for as long as a test lasts: a primary, and a standby that follows it."""

import os
import subprocess
import time

import psycopg

from tests import databases


class Pair:
    """A primary and its standby, each in a folder of its own."""

    def __init__(self, folder):
        self.folders = [folder / "primary", folder / "standby"]
        self.ports = [databases.free_port(), databases.free_port()]
        for each in self.folders:
            each.mkdir()
        self.user, self.binaries = databases.unprivileged(self.folders[0])
        databases.initialize(self.folders[0], self.user, self.binaries)
        self.servers = [self.started(0)]
        self.copy()
        self.servers.append(self.started(1))

    def started(self, number):
        server = databases.start(self.folders[number], self.user, self.binaries, self.ports[number])
        url = f"postgresql://postgres@127.0.0.1:{self.ports[number]}/postgres"
        databases.wait_until_it_answers(server, url, self.folders[number] / "log")
        return server

    def copy(self):
        """As the docs of PostgreSQL say; `--write-recovery-conf` makes of it a standby that follows."""
        made = self.folders[1] / "data"
        made.mkdir(mode=0o700)
        if self.user:
            os.chown(made, os.stat(self.folders[0] / "data").st_uid, -1)
        source = f"host=127.0.0.1 port={self.ports[0]} user=postgres"
        command = [self.binaries / "pg_basebackup", "--pgdata", made, "--write-recovery-conf", "--no-sync"]
        options = ["--checkpoint=fast", "--dbname", source]
        subprocess.run([*command, *options], user=self.user, cwd="/", check=True, capture_output=True)

    def ask(self, number, question):
        with psycopg.connect(host="127.0.0.1", port=self.ports[number], user="postgres", autocommit=True) as server:
            return server.execute(question).fetchone()[0]

    def catch_up(self):
        there, deadline = self.ask(0, "SELECT pg_current_wal_flush_lsn()"), time.monotonic() + 30
        while not self.ask(1, f"SELECT coalesce(pg_last_wal_replay_lsn() >= '{there}', false)"):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self):
        for server in self.servers:
            databases.stop(server)
