"""The page that lists what people read when something goes wrong has every such text of the code, and no other.

What is read as an error: a text for translation that is raised, added to a form, or told by `messages.error` or
`.warning`; in templates a notification of danger or warning; and each page that is answered with a status above 399,
but for 422, with which a form comes back.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import ROOT

pytestmark = pytest.mark.once

SOURCES = [*sorted((ROOT / "src").glob("quickscale_*")), ROOT / "example_project" / "inkwell"]
TEMPLATES = [*sorted((ROOT / "src").glob("quickscale_*/templates")), ROOT / "example_project" / "templates"]
PAGE = (ROOT / "docs" / "reference" / "errors-people-see.md").read_text()
# Of the staff and of programmers; and what the report on a CSV finds, which is its result.
OTHERS = re.compile(r"/(admin|analytics|catalog|management|migrations|models|testing)/|/(crediting|rates|money)\.py$")
FINDINGS = {"_ragged", "_name_misfits"}

TEXTS = ["Credits", "Services", "The HTTP API", "The example services", "Billing", "The example"]
TRANSLATING = {"_", "gettext", "gettext_lazy", "ngettext"}
TELLING = {"error", "warning", "add_error", "on", "NotCsv"}
NAMES = {"message", "words", "DETAILS"}
ERROR_FUNCTIONS = {"__str__", "_refusal", "problem", "_missing", "_beyond", "_detail", "_is_charged_in_part"}
ERROR_MODULES = {"exceptions.py", "problems.py", "errors.py", "completions.py", "admitting.py", "ending.py"}

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\{?[ \w.|:\"]+\}\}?")
LITERAL = re.compile(
    r"""{% translate (["'])(?P<text>.*?)\1 %}|{% blocktranslate[^%]*%}(?P<block>.*?)(?={% (?:plural|endblock))"""
)


def shown(text: str) -> str:
    """A dash of dots stands for what differs from one time to the next."""
    return PLACEHOLDER.sub("…", text).strip()


def section(name: str) -> list[tuple[str, ...]]:
    """The cells of the rows below the heading, without the head of the table."""
    [text] = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in re.findall(r"^\|.*\|$", text, re.M)
    ]
    return rows[2:]


def python_files() -> Iterator[Path]:
    for folder in SOURCES:
        yield from (path for path in sorted(folder.rglob("*.py")) if not OTHERS.search(f"/{path.relative_to(ROOT)}"))


def told_by_code() -> set[str]:
    return {text for path in python_files() for text in errors_in(ast.parse(path.read_text()), path.name)}


def errors_in(node: ast.AST, module: str, *, function: str = "", is_error: bool = False) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        function = node.name
        is_error = function in ERROR_FUNCTIONS and module in ERROR_MODULES
    elif isinstance(node, ast.Call) and called(node) in TRANSLATING:
        if is_error and isinstance(node.args[0], ast.Constant):
            yield shown(node.args[0].value)
        return
    elif isinstance(node, ast.keyword) and node.arg == "label":
        return
    is_error = is_error or tells(node, function)
    for child in ast.iter_child_nodes(node):
        yield from errors_in(child, module, function=function, is_error=is_error)


def tells(node: ast.AST, function: str) -> bool:
    if isinstance(node, ast.Assign):
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return not names.isdisjoint(NAMES) and function not in FINDINGS
    if isinstance(node, ast.keyword):
        return node.arg == "refused"
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and called(node) in TELLING)


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def templates() -> dict[str, str]:
    """Those of ours that people see, by name."""
    found = {str(path.relative_to(folder)): path for folder in TEMPLATES for path in folder.rglob("*.html")}
    return {name: path.read_text() for name, path in found.items() if not name.startswith("admin/")}


def error_pages() -> set[str]:
    """Django's own by their names; ours by the status that they are rendered with, or by what came of a payment."""
    answered = {name for name in templates() if re.fullmatch(r"\d{3}\w*\.html", name)}
    for path in python_files():
        source = path.read_text()
        answered |= set(re.findall(r'render\(request, "([^"]+)"[^\n]*status=(?!422)[45]\d\d', source))
    return answered | {
        f"quickscale_billing/{outcome}.html" for outcome in ("expired", "failed", "unfinished", "canceled")
    }


def literals(source: str) -> list[str]:
    return [shown(match["text"] or match["block"]) for match in LITERAL.finditer(source)]


def told_by_templates() -> set[str]:
    boxes = re.compile(r'<(p|div) class="notification is-(?:danger|warning)[^>]*>(.*?)</\1>', re.DOTALL)
    pages = error_pages()
    return {
        text
        for name, source in templates().items()
        if name not in pages
        for _tag, box in boxes.findall(source)
        for text in literals(re.sub(r"<a .*?</a>", "", box, flags=re.DOTALL))
    }


def test_every_text_of_the_code_that_tells_of_an_error_is_listed_and_no_other():
    listed = {row[0] for name in TEXTS for row in section(name)}
    assert listed == told_by_code() | told_by_templates()


def test_every_error_page_is_listed_with_its_heading_and_its_way_on():
    listed = {row[0].strip("`"): row for row in section("Pages")}
    assert set(listed) == error_pages()
    for name, (_name, heading, way_on, *_rest) in listed.items():
        assert {heading, way_on} <= set(literals(templates()[name])), name


def test_of_every_error_it_is_said_what_to_do():
    rows = [row for name in re.findall(r"^## (.+)$", PAGE, re.MULTILINE) for row in section(name)]
    assert [row for row in rows if len(row) < 2 or not all(row)] == []
