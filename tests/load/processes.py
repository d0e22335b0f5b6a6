"""The web and worker processes, which are killed at random and started again."""

import atexit
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.databases import free_port
from tests.parts import ROOT


class Process:
    """In a group of its own, so that a kill leaves no child behind."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.command, self.environment = command, environment
        self.kills = 0
        self.starts: list[float] = []
        self.start()

    def start(self) -> None:
        self.starts.append(time.monotonic())
        self.process = subprocess.Popen(
            [sys.executable, *self.command],
            cwd=ROOT,
            env=os.environ | self.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.kills += 1

    def memory(self) -> int:
        """Kilobytes that its children have, or itself where it has none."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return sum(resident(pid) for pid in pids or [str(self.process.pid)])


def resident(pid: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


class Web(Process):
    def __init__(self) -> None:
        self.port = free_port()
        serve = ("--workers=1", "--threads=3", "--timeout=60", f"--bind=127.0.0.1:{self.port}")
        file, name = tempfile.mkstemp(prefix="quickscale-ready-")
        os.close(file)
        self.ready = Path(name)
        atexit.register(self.ready.unlink)
        config = "--config=python:tests.load.serving"
        super().__init__("-m", "gunicorn", config, *serve, "tests.settings.servers:wsgi", LOAD_READY=str(self.ready))

    def restarts(self) -> list[tuple[float, float]]:
        """From each start until it was ready, or was killed again before, or until now."""
        ready = [float(line) for line in self.ready.read_text().split()]
        ends = sorted([*ready, *self.starts[1:], time.monotonic()])
        return [(start, next(end for end in ends if end > start)) for start in self.starts]


def worker() -> Process:
    return Process("-m", "django", "db_worker", "--interval", "0.2", "--no-reload")


def kill_at_random(processes: list[Process], chance: random.Random, *, until: float, pause: float) -> None:
    """One of them after each pause, all but the first: its memory is watched."""
    while time.monotonic() + pause < until:
        time.sleep(pause)
        victim = chance.choice(processes[1:])
        victim.kill()
        victim.start()
