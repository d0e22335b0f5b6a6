"""What the library must never do, whatever it is told: run text, or open connections where nobody expects it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import ROOT

pytestmark = pytest.mark.once

SRC = ROOT / "src"
RUNNERS = {"eval", "exec", "mark_safe", "SafeString", "system", "popen", "loads_pickle"}
RUNNING_MODULES = {"pickle", "marshal", "shelve", "subprocess", "yaml", "os.system"}
CONNECTING_MODULES = {"urllib.request", "http.client", "socket", "requests", "httpx", "httpx2", "aiohttp", "smtplib"}
# The host's own model server, named in its settings; mail, which knows the errors of the host's server; and the
# simulator of Stripe, which is for tests.
CONNECTING = {
    "quickscale_billing/mail/sending.py",
    "quickscale_services/examples/completions.py",
    "quickscale_billing/testing/server.py",
    "quickscale_billing/testing/webhooks.py",
}


def modules() -> list[tuple[str, ast.Module]]:
    return [(str(path.relative_to(SRC)), ast.parse(path.read_text())) for path in sorted(Path(SRC).rglob("*.py"))]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_the_library_calls_nothing_that_runs_text() -> None:
    found = {name: (set(called(tree)) & RUNNERS) | (set(imported(tree)) & RUNNING_MODULES) for name, tree in modules()}
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_connections_are_opened_in_these_places_only() -> None:
    assert {name for name, tree in modules() if set(imported(tree)) & CONNECTING_MODULES} == CONNECTING
