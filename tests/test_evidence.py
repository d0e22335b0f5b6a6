"""The pages that say what was proved name tests, and each of them exists."""

import ast
import re

import pytest

from tests.parts import ROOT

pytestmark = pytest.mark.once

PAGES = ["faults", "security-review"]
ROW = re.compile(r"^\| (?!threat|fault|-)(.+?) \| .+ \| (.+) \|$", re.MULTILINE)
NAME = re.compile(r"`(test_\w+)`")


def rows(page: str) -> list[tuple[str, list[str]]]:
    """Each threat or fault, and the tests that its row names."""
    text = (ROOT / "docs" / "explanation" / f"{page}.md").read_text()
    return [(what, NAME.findall(shown)) for what, shown in ROW.findall(text)]


@pytest.fixture(scope="module")
def tests() -> set[str]:
    trees = [ast.parse(path.read_text()) for path in (ROOT / "tests").rglob("test_*.py")]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, functions)}


@pytest.mark.parametrize("page", PAGES)
def test_each_row_names_tests_that_exist(page: str, tests: set[str]) -> None:
    named = rows(page)
    assert len(named) > 20
    assert [what for what, names in named if not names] == []
    assert [name for _, names in named for name in names if name not in tests] == []
