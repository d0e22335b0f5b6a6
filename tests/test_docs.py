"""Every Python block of the README and the docs runs, page by page, in the order in which one reads it.

CONTRIBUTING.md says what a page may count on. A page is one test: a block may lean on those before it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.apps import AppConfig
from django.contrib.auth.models import User
from django.test.utils import isolate_apps
from sybil import Document, Example
from sybil.parsers.markdown import PythonCodeBlockParser

from quickscale_credits import analytics
from quickscale_services import registry
from tests.parts import ROOT
from tests.settings import base

pytestmark = pytest.mark.once

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FILE = re.compile(r"# (?P<path>[\w/]+\.py)\n")
FENCE = re.compile(r"^[ >]*```[ {.]*(?P<language>(?:python|py)\b.*)$", re.MULTILINE)
CODE = re.compile(r"^[ >]*```.*?^[ >]*```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:)(?P<file>[^)#\s]+)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def document(page: Path) -> Document:
    return Document.parse(str(page), PythonCodeBlockParser())


@pytest.fixture
def reader(client: Any, transactional_db: None) -> Iterator[dict[str, Any]]:
    """The names that every page may use; the services and panels that a page registers are gone after it."""
    user, other_user = (User.objects.create_user(name) for name in ("ada", "grace"))
    client.force_login(user)
    known, panels = registry.snapshot(), analytics.registry.snapshot()
    yield {"__name__": "docs", "user": user, "other_user": other_user, "client": client}
    registry.restore(known)
    analytics.registry.restore(panels)


def sells(page: Path) -> bool:
    """Such a page runs in `tests/billing`, under the settings of a host that sells."""
    return any("quickscale_billing" in str(block.parsed) for block in document(page))


@pytest.mark.parametrize("page", [page for page in PAGES if [*document(page)] and not sells(page)], ids=name_of)
def test_the_python_blocks_of_a_page_run(page, reader, settings):
    run_page(page, reader, settings)


def run_page(page: Path, reader: dict[str, Any], settings: Any) -> None:
    read = document(page)
    read.namespace.update(reader)
    for block in read:
        file = FILE.match(block.parsed) if isinstance(block.parsed, str) else None
        if file and file["path"].endswith("settings.py"):
            run_settings(block, settings)
        else:
            with models_apart(block) if file and file["path"].endswith("models.py") else nullcontext():
                block.evaluate()
    read.namespace.clear()  # so that the receivers that a page connects go with it


def run_settings(block: Example, settings: Any) -> None:
    """A block may assign and extend; its apps must exist, and what it says of ours holds from here on."""
    given = {name: deepcopy(value) for name, value in vars(base).items() if name.isupper()}
    outside, block.namespace = block.namespace, given
    block.evaluate()
    said, block.namespace = block.namespace, outside
    for app in said["INSTALLED_APPS"]:
        AppConfig.create(app)
    for name in ("QUICKSCALE_BILLING", "QUICKSCALE_CREDITS", "QUICKSCALE_SERVICES"):
        if name in said:
            setattr(settings, name, said[name])


@contextmanager
def models_apart(block: Example) -> Iterator[None]:
    """Models of a page are declared but have no table; Django wants an installed app to own them."""
    block.namespace["__name__"] = "django.contrib.auth.docs"
    with isolate_apps("django.contrib.auth"):
        yield
    block.namespace["__name__"] = "docs"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_has_no_python_block_that_is_not_run(page):
    assert {fence.strip() for fence in FENCE.findall(page.read_text())} <= {"python"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_of_the_repository_lead_somewhere(page):
    linked = [page.parent / found for found in LINK.findall(CODE.sub("", page.read_text()))]
    assert [file for file in linked if not file.exists()] == []


def test_the_readme_says_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    assert 'python -m pip install -e ".[demo]" && python example_project/manage.py demo' in readme
    assert 'python -m pip install -e ".[test]" && python -m tests' in readme
