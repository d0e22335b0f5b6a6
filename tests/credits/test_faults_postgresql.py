"""PostgreSQL is killed or stopped while others spend: what was acknowledged stays, a retry settles the rest."""

import os
import subprocess
import sys
import time

import pytest

from tests.credits.commands import manage
from tests.credits.servers import mortal_server
from tests.parts import ROOT

pytestmark = pytest.mark.once

KILLS = int(os.environ.get("QUICKSCALE_DATABASE_KILLS", 2))
WORKERS = 4
SPENDS_BETWEEN = 100
FUNDED = 10_000_000
PATIENCE = 60

PREPARE = f"""
import django
django.setup()
from django.contrib.auth import get_user_model
from quickscale_credits import ledger
for name in ("ada", "bob"):
    ledger.grant(get_user_model().objects.create_user(name), {FUNDED})
"""

# Spends with a key until it is acknowledged, then goes on to the next; notes both what was and what failed.
WORKER = """
import sys, time
from pathlib import Path
import django
django.setup()
from django.contrib.auth import get_user_model
from django.db import connection
from quickscale_credits import ledger

worker, folder = sys.argv[1], Path(sys.argv[2])
owner = get_user_model().objects.get(username=["ada", "bob"][int(worker) % 2])
notes = (folder / worker).open("a", buffering=1)
number = 0
while not (folder / "enough").exists():
    number += 1
    key = f"{folder.name}-{worker}-{number}"
    while True:
        try:
            ledger.spend(owner, 1, reason="page", idempotency_key=key)
        except Exception as error:
            notes.write(f"{type(error).__module__}.{type(error).__name__} {key}\\n")
            connection.close()
            time.sleep(0.02)
        else:
            notes.write(f"acknowledged {key}\\n")
            break
"""


@pytest.fixture(scope="module")
def server():
    with mortal_server() as server:
        yield server


@pytest.fixture(scope="module")
def environment(server):
    """The environment in which Django works on that server, which has the tables and two owners with credits."""
    chosen = {"DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "tests.settings.base", "PYTHONPATH": str(ROOT)}
    found = os.environ | chosen
    assert manage(found, "migrate", "--verbosity=0").returncode == 0
    subprocess.run([sys.executable, "-c", PREPARE], env=found, check=True)
    return found


class Load:
    """Workers that spend all the while, each in a process of its own."""

    def __init__(self, environment, folder):
        self.folder = folder
        command = [sys.executable, "-c", WORKER]
        self.workers = [
            subprocess.Popen([*command, str(number), str(folder)], env=environment, stderr=subprocess.PIPE, text=True)
            for number in range(WORKERS)
        ]

    def noted(self):
        lines = [line.split() for path in self.folder.glob("[0-9]*") for line in path.read_text().splitlines()]
        return [tuple(line) for line in lines if len(line) == 2]

    def acknowledged(self):
        return [key for what, key in self.noted() if what == "acknowledged"]

    def failures(self):
        return [what for what, _ in self.noted() if what != "acknowledged"]

    def at_work(self):
        return {key.split("-")[-2] for key in self.acknowledged()}

    def wait_for(self, what, more):
        """Until so many more are noted."""
        wanted, deadline = len(what()) + more, time.monotonic() + PATIENCE
        while len(what()) < wanted:
            assert time.monotonic() < deadline, f"only {len(what())} of {wanted}"
            time.sleep(0.01)

    def end(self):
        (self.folder / "enough").touch()
        for worker in self.workers:
            _, errors = worker.communicate(timeout=PATIENCE)
            assert worker.returncode == 0, errors

    def kill(self):
        for worker in self.workers:
            worker.kill()
            worker.communicate()


@pytest.fixture
def load(environment, tmp_path):
    load = Load(environment, tmp_path)
    yield load
    load.kill()


def spend_while(load, server, interrupt, times):
    load.wait_for(load.at_work, WORKERS)
    for _ in range(times):
        interrupt()
        load.wait_for(load.failures, WORKERS)
        server.start()
        load.wait_for(load.acknowledged, SPENDS_BETWEEN)
    load.end()


@pytest.mark.parametrize(("end", "times"), [("kill", KILLS), ("stop", 1)])
def test_what_was_acknowledged_is_there_once_when_the_server_is_back(load, server, environment, end, times):
    spend_while(load, server, getattr(server, end), times)
    keys = [key for (key,) in server.query("SELECT idempotency_key FROM quickscale_credits_ledgerentry")]
    [(left,)] = server.query("SELECT sum(balance) / 1000000 FROM quickscale_credits_creditaccount")
    assert sorted(key for key in keys if key and key.startswith(load.folder.name)) == sorted(load.acknowledged())
    assert left == 2 * FUNDED - sum(key is not None for key in keys)
    assert set(load.failures()) == {"django.db.utils.OperationalError"}
    assert manage(environment, "verify_ledger").stdout == "The ledger is sound.\n"
