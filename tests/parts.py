"""What `python -m tests` consists of: a run of pytest per database and per project with its own settings."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests import databases
from tests.databases import Database
from tests.tally import Tally

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Part:
    name: str
    path: str = "tests"
    settings: str = "tests.settings.base"
    marks: str = ""
    database: Callable[[], AbstractContextManager[Database]] = databases.sqlite
    parallel: bool = False


PARTS = [
    Part(name="sqlite", marks="not installs", parallel=True),
    Part(name="postgresql", marks="not once", database=databases.postgresql, parallel=True),
    Part(name="mariadb", marks="mariadb and not once", database=databases.mariadb, parallel=True),
    Part(name="billing", path="tests/billing", settings="tests.settings.billing", parallel=True),
    Part(
        name="billing-postgresql",
        path="tests/billing",
        settings="tests.settings.billing",
        marks="not once",
        database=databases.postgresql,
        parallel=True,
    ),
    Part(name="teams", path="tests/projects/teams", settings="tests.projects.teams.settings"),
    Part(
        name="inkwell-teams",
        path="tests/projects/inkwell_teams",
        settings="tests.projects.inkwell_teams.settings",
    ),
    Part(
        name="inkwell-teams-postgresql",
        path="tests/projects/inkwell_teams",
        settings="tests.projects.inkwell_teams.settings",
        marks="not once",
        database=databases.postgresql,
    ),
    Part(name="atomic", path="tests/projects/atomic", settings="tests.projects.atomic.settings"),
    Part(name="browser", path="tests/browser", settings="tests.projects.example.settings", parallel=True),
]


def elsewhere() -> set[Path]:
    """The folders whose tests need other settings than the default ones."""
    return {ROOT / part.path for part in PARTS if part.path != "tests"}


def paths_for(part: Part, asked: list[str]) -> list[str]:
    """Which of the paths asked for are this part's; without any, all of the part."""
    if not asked:
        return [part.path]
    return [path for path in asked if home(path) == part.path]


def home(path: str) -> str:
    """The path of the part that a test file belongs to: the longest that contains it."""
    file = Path(path.partition("::")[0]).resolve()
    return max((part.path for part in PARTS if file.is_relative_to(ROOT / part.path)), key=len, default="")


def run(part: Part, paths: list[str], *, marks: str, pytest_arguments: list[str]) -> Tally:
    """Runs pytest in a process of its own and counts what it did."""
    try:
        with part.database() as database, tempfile.TemporaryDirectory() as folder:
            print(f"\n{part.name}: {database.missing or database.description}", flush=True)
            report = Path(folder) / "report.xml"
            command = [*pytest_command(part, database, marks=marks), f"--junit-xml={report}"]
            chosen = {"DATABASE_URL": database.url, "DJANGO_SETTINGS_MODULE": part.settings}
            environment = compiling_once(dict(os.environ)) | chosen
            done = subprocess.run([*command, *pytest_arguments, *paths], cwd=ROOT, env=environment, check=False)
            return Tally.of(report, exit_code=done.returncode)
    except databases.NoServerError as problem:
        return Tally.broken(str(problem))


def compiling_once(environment: dict[str, str]) -> dict[str, str]:
    """Where Python is told to write no bytecode, each of the many processes would compile all modules anew, which takes
    some seconds: it is written to a folder of this run instead, and nothing beside the sources."""
    if environment.pop("PYTHONDONTWRITEBYTECODE", ""):
        environment["PYTHONPYCACHEPREFIX"] = bytecode()
    return environment


@cache
def bytecode() -> str:
    folder = tempfile.mkdtemp(prefix="quickscale-bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def pytest_command(part: Part, database: Database, *, marks: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--color=auto"]
    both = " and ".join(f"({expression})" for expression in (part.marks, marks) if expression)
    if both:
        command += ["-m", both]
    if database.missing:
        return [*command, f"--skip-all-because={database.missing}"]
    if part.parallel:
        command += ["-n", str(workers()), "--dist=worksteal"]
    return command


def workers() -> int:
    """One per core that this process may use; xdist's own `auto` counts the physical ones of the machine."""
    return min(8, max(2, len(os.sched_getaffinity(0))))
