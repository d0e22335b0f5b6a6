"""The pages of the docs are all to be reached, and links within them lead to a heading."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import ROOT

pytestmark = pytest.mark.once

DOCS = ROOT / "docs"
LINK_TO_HEADING = re.compile(r"\]\((?P<page>[^):#]*)#(?P<anchor>[^)]+)\)")


def links() -> Iterator[tuple[Path, str]]:
    """The page and the anchor that each link means which names a heading."""
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for target, anchor in LINK_TO_HEADING.findall(page.read_text()):
            yield (page.parent / target if target else page), anchor


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


def test_the_navigation_has_every_page_once():
    navigation = re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(navigation) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_changelog_can_be_a_page_of_the_site():
    """Which includes it from another folder, where links to files would lead nowhere."""
    assert re.findall(r"\]\((?!\w+:)[^)]*\)", (ROOT / "CHANGELOG.md").read_text()) == []


def test_links_to_a_heading_lead_to_one():
    assert [(page.name, anchor) for page, anchor in links() if anchor not in anchors(page)] == []
