"""`python -m tests.mutation --sample 100`: is it noticed when money code is altered?

Works on a copy. Prints each alteration that no test noticed, and the score of each part.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from contextlib import chdir
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome

from tests.mutation.parts import PARTS, Part
from tests.mutation.sampling import sample
from tests.parts import ROOT

COPIED = ("src", "tests", "example_project", "pyproject.toml", "README.md", "docs")
LONGEST = 900


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="quickscale-mutation-") as folder:
        for name in COPIED:
            source, target = ROOT / name, Path(folder) / name
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        with chdir(folder):
            tried = [score(part, options) for part in PARTS if part.name in (options.only or [part.name])]
    print(report(tried))
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=100, help="places altered in each part")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=[part.name for part in PARTS])
    return parser


def modules_of(part: Part) -> list[Path]:
    paths = sorted(Path("src").rglob("*.py"))
    return [path for path in paths if home(path.relative_to("src")) is part]


def home(path: Path) -> Part | None:
    return next((part for part in PARTS if any(fnmatch(str(path), pattern) for pattern in part.modules)), None)


def score(part: Part, options: Any) -> dict[str, Any]:
    with part.database() as database:
        os.environ["DATABASE_URL"] = database.url
        return try_each(part, options)


def try_each(part: Part, options: Any) -> dict[str, Any]:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": part.settings,
        "PYTHONPATH": f"{Path.cwd() / 'src'}{os.pathsep}{Path.cwd()}",
        "QUICKSCALE_HISTORIES": "30",
    }
    command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider {' '.join(part.tests)}"
    outcome, output = run_tests(command, LONGEST)
    if outcome != TestOutcome.SURVIVED:
        raise SystemExit(f"The tests of “{part.name}” fail as they are:\n{output}")
    places, chosen = sample(modules_of(part), options.sample, seed=options.seed)
    killed = 0
    for number, mutant in enumerate(chosen, 1):
        result = mutate_and_test([mutant], command, LONGEST)
        killed += result.is_killed
        print(f"{part.name} {number}/{len(chosen)}: {result.test_outcome}", flush=True)
        if not result.is_killed:
            print(result.diff, flush=True)
    return {"part": part.name, "places": places, "tried": len(chosen), "noticed": killed}


def report(tried: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(found) for found in tried)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
