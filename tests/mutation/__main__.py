"""`python -m tests.mutation --sample 100`: is it noticed when money code is altered?

Works on a copy. Prints each alteration that no test noticed, and the score of each part.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from difflib import unified_diff
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from cosmic_ray.mutating import mutate_and_test, mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_item import MutationSpec

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
        "PYTHONDONTWRITEBYTECODE": "1",
        "QUICKSCALE_HISTORIES": "30",
    }
    places, chosen = sample(modules_of(part), options.sample, seed=options.seed)
    noticed = [
        is_noticed_anew(mutant, part) if found is None else found
        for mutant, found in zip(chosen, in_forks(chosen, part), strict=True)
    ]
    for mutant in (each for each, found in zip(chosen, noticed, strict=True) if not found):
        print(f"{mutant.module_path}:{mutant.start_pos[0]}\n{difference(mutant)}", flush=True)
    return {"part": part.name, "places": places, "tried": len(chosen), "noticed": sum(noticed)}


def in_forks(mutants: list[MutationSpec], part: Part) -> list[bool | None]:
    """By the tests that reach the place."""
    jobs = [
        {"module": str(mutant.module_path), "line": mutant.start_pos[0], "altered": altered(mutant)}
        for mutant in mutants
    ]
    file = Path("altered.json")
    file.write_text(json.dumps(jobs))
    options = ["-q", "-p", "no:cacheprovider", "-p", "tests.mutation.forking", f"--altered={file}"]
    subprocess.run([sys.executable, "-m", "pytest", *options, *part.tests], check=True)
    found: list[bool | None] = json.loads(file.read_text())
    return found


def is_noticed_anew(mutant: MutationSpec, part: Part) -> bool:
    """By all tests of the part, in a process that imports the altered module."""
    command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider {' '.join(part.tests)}"
    return bool(mutate_and_test([mutant], command, LONGEST).is_killed)


def altered(mutant: MutationSpec) -> str:
    operator = get_operator(mutant.operator_name)(**mutant.operator_args)
    text: str = mutate_code(mutant.module_path.read_text(), operator, mutant.occurrence)
    return text


def difference(mutant: MutationSpec) -> str:
    before, after = mutant.module_path.read_text().splitlines(), altered(mutant).splitlines()
    return "\n".join(line for line in unified_diff(before, after, n=0, lineterm="") if line[:3] not in ("---", "+++"))


def report(tried: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(found) for found in tried)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
