"""`python -m tests.soak --minutes 60`: the long run. It goes on where the last one stopped, as its state file says.

Each round is a run of pytest with a seed that is printed; `--replay NAME SEED` runs that round again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.parts import ROOT
from tests.soak.tasks import TASKS, Task

State = dict[str, dict[str, Any]]


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    if options.replay:
        name, seed = options.replay
        return 0 if run(task_named(name), int(seed)) else 1
    state = read(options.state)
    if not options.report:
        until = time.monotonic() + options.minutes * 60
        soak(state, options.state, until=until, only=options.only, first=options.first_seed)
    print(report(state))
    return 1 if any(found["failed"] for found in state.values()) else 0


def parser() -> argparse.ArgumentParser:
    names = [task.name for task in TASKS]
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="begin no round after so long")
    parser.add_argument("--state", type=Path, default=ROOT / "soak.json", help="what was done, kept between runs")
    parser.add_argument("--first-seed", type=int, default=1, help="where a task that was never run begins")
    parser.add_argument("--only", action="append", choices=names, help="this task alone")
    parser.add_argument("--report", action="store_true", help="say what was done, and do nothing")
    parser.add_argument("--replay", nargs=2, metavar=("NAME", "SEED"), help="run one round again")
    return parser


def task_named(name: str) -> Task:
    return next(task for task in TASKS if task.name == name)


def read(path: Path) -> State:
    return json.loads(path.read_text()) if path.exists() else {}


def soak(state: State, path: Path, *, until: float, only: list[str] | None, first: int = 1) -> None:
    """One round after the other, of the task that is furthest from its goal."""
    while time.monotonic() < until and (task := next_task(state, only)):
        known = state.setdefault(task.name, {"first": first, "rounds": 0, "done": 0, "seconds": 0, "failed": []})
        seed, started = known.get("first", 1) + known["rounds"] * task.each, time.monotonic()
        is_sound = run(task, seed)
        known["rounds"] += 1
        known["done"] += task.each
        known["seconds"] += round(time.monotonic() - started)
        known["failed"] += [] if is_sound else [seed]
        path.write_text(json.dumps(state, indent=1) + "\n")


def next_task(state: State, only: list[str] | None) -> Task | None:
    def share(task: Task) -> float:
        return float(state.get(task.name, {"done": 0})["done"]) / task.goal

    left = [task for task in TASKS if task.name in (only or [task.name]) and share(task) < 1]
    return min(left, key=share, default=None)


def run(task: Task, seed: int) -> bool:
    print(f"\n{task.name}: {task.each} from seed {seed}", flush=True)
    options = [option.format(seed=seed) for option in task.options]
    command = [sys.executable, "-m", "pytest", "-q", "-o", "faulthandler_timeout=0", *options, *task.paths]
    with task.database() as database:
        environment = os.environ | task.environment(seed) | {"DATABASE_URL": database.url}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def report(state: State) -> str:
    lines = ["| what | done | of | seconds | rounds that failed, by seed |", "|---|---|---|---|---|"]
    for task in TASKS:
        known = state.get(task.name, {"done": 0, "seconds": 0, "failed": []})
        failed = ", ".join(map(str, known["failed"])) or "none"
        lines.append(f"| {task.name} | {known['done']:,} | {task.goal:,} | {known['seconds']:,} | {failed} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
