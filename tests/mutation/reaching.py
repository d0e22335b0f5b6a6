"""Which tests go through a function: only those can notice that it was altered."""

import ast
from pathlib import Path

from coverage import CoverageData

# For each module below src, by the number of a line, the tests that passed through it.
Reached = dict[str, dict[str, list[str]]]


def reached_in(data: CoverageData) -> Reached:
    return {
        str(Path(name).relative_to(Path.cwd())): {
            str(number): [test for test in tests if test] for number, tests in data.contexts_by_lineno(name).items()
        }
        for name in data.measured_files()
    }


def tests_of(module: Path, line: int, reached: Reached) -> set[str]:
    """Those that pass through the function around `line`; none if it is in no function."""
    known, around = reached.get(str(module), {}), function_around(module, line)
    if around is None:
        return set()
    body = range(around.body[0].lineno, (around.end_lineno or line) + 1)
    return set().union(*(known.get(str(number), []) for number in body))


def function_around(module: Path, line: int) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The innermost one whose lines, signature included, hold `line`."""
    nodes = ast.walk(ast.parse(module.read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    around = [one for one in functions if one.lineno <= line <= (one.end_lineno or 0)]
    return max(around, key=lambda one: one.lineno, default=None)
