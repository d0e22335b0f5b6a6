"""`python -m tests`: the whole ordinary suite, on every database and under every project's settings.

Options that are not named here go to pytest: `python -m tests --only sqlite -k expiry tests/credits`.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from tests.parts import PARTS, Part, paths_for, run
from tests.tally import Tally


def main(arguments: list[str]) -> int:
    # Being asked to end must not leave behind a server that was started for the run.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options, pytest_arguments = parser().parse_known_args(arguments)
    paths = [argument for argument in pytest_arguments if is_test_path(argument)]
    rest = [argument for argument in pytest_arguments if argument not in paths]
    tallies: dict[str, Tally] = {}
    for part in chosen(options.only, paths):
        started = time.monotonic()
        tallies[part.name] = run(part, paths_for(part, paths), marks=options.marks, pytest_arguments=rest)
        tallies[part.name].seconds = time.monotonic() - started
    refuse_emptiness(tallies, narrowed=bool(pytest_arguments or options.marks))
    return report(tallies)


def parser() -> argparse.ArgumentParser:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", "--database", action="append", choices=names, help="run this part alone")
    parser.add_argument("-m", dest="marks", default="", help="pytest's -m, joined to each part's own")
    return parser


def is_test_path(argument: str) -> bool:
    return argument.startswith("tests") and Path(argument.partition("::")[0]).exists()


def chosen(names: list[str] | None, paths: list[str]) -> list[Part]:
    return [part for part in PARTS if part.name in (names or [part.name]) and paths_for(part, paths)]


def refuse_emptiness(tallies: dict[str, Tally], *, narrowed: bool) -> None:
    """A part without tests is a mistake, unless the caller narrowed the choice and another part has some."""
    if narrowed and any(not tally.empty for tally in tallies.values()):
        return
    for tally in tallies.values():
        if tally.empty:
            tally.fail("no tests were collected")


def report(tallies: dict[str, Tally]) -> int:
    print("\nWhat ran:")
    for name, tally in tallies.items():
        print(f"  {name:<19}{tally}, in {tally.seconds:.0f} s")
        for failure in tally.failures:
            print(f"      failed: {failure}")
        for reason, number in sorted(tally.skipped.items()):
            print(f"      skipped {number}: {reason}")
    total = sum(tallies.values(), start=Tally())
    print(f"In all, {total.seconds / 60:.1f} minutes.\n{total}")
    return 1 if total.failed or total.empty else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("Interrupted: nothing can be said about what did not run.")
