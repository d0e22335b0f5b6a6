"""`python -m benchmarks`: everything; `--full` up to ten million entries; `--short` in under two minutes, without
server-side binding unless it is named."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import databases
from benchmarks.measurements import SALES
from benchmarks.results import Result, table

METHOD = """\
Every comparison is interleaved: the variants are called in turn in the same seconds, each round beginning with another
one, and the medians of the calls are compared. Behind them stand the quartiles of fifteen blocks of calls and, as calm,
the first deciles compared: what it is while nothing else runs on the machine. Clients are processes; eight of them work
in turns of half a second. The floor is five statements and a commit, written by hand for the driver, in the same tables
with the same indexes, constraints and triggers. Peers run as installed."""
MEASUREMENTS = (
    *("statements", "spend", "hold", "peers", "clients", "batches", "reading", "account", "grants", "total"),
    *("sweep", "rollups", "dashboard", "sales", "storage", "run", "http", "summing"),
)
PACKAGES = ("django", "django-ninja", "psycopg", "django-quickscale", "django-hordak", "dj-wallet")


def main() -> None:
    options = parser().parse_args()
    start = time.monotonic()
    found: dict[str, Any] = {"method": METHOD, "versions": versions(), "settings": {}, "results": []}
    print(METHOD, "\n\n" + "\n".join(f"{name} {number}" for name, number in found["versions"].items()))
    for name in options.database or chosen_for(options.size):
        if not databases.is_there(name):
            print(f"\n{databases.DATABASES[name].title}: left out, no server answers (DATABASE_URL says where)")
            continue
        measure(name, options, found)
    found["seconds"] = round(time.monotonic() - start)
    print(f"\n{found['seconds']} s in all.")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def chosen_for(size: str) -> list[str]:
    return [name for name in databases.DATABASES if size != "short" or name != "binding"]


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--short", dest="size", action="store_const", const="short", default="ordinary")
    sizes.add_argument("--full", dest="size", action="store_const", const="full")
    parser.add_argument("--database", action="append", choices=databases.DATABASES, help="only on this one")
    parser.add_argument("--only", action="append", default=[], choices=MEASUREMENTS, help="only this measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there as well")
    return parser


def versions() -> dict[str, str]:
    found = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def measure(name: str, options: argparse.Namespace, found: dict[str, Any]) -> None:
    chosen = options.only or MEASUREMENTS
    for wanted in ([each for each in chosen if each != SALES], [each for each in chosen if each == SALES]):
        if wanted:
            measure_in_a_session(name, options.size, wanted, found)


def measure_in_a_session(name: str, size: str, wanted: list[str], found: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "benchmarks.session", name, size, *wanted]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as session:
        for line in session.stdout or ():
            said = json.loads(line)
            if "settings" in said:
                found["settings"] |= said["settings"]
                print("\n" + "\n".join(f"{title}: {settings}" for title, settings in said["settings"].items()))
            else:
                found["results"].append(said["result"])
                print(table([Result.from_json(said["result"])]), flush=True)
    if session.returncode:
        sys.exit(f"The measurements on {databases.DATABASES[name].title} stopped with an error.")


if __name__ == "__main__":
    main()
