"""The page of figures says of each what its tooltip says."""

import re

import pytest

from tests.figures import sections
from tests.parts import ROOT

pytestmark = pytest.mark.once

PAGE = ROOT / "docs/reference/figures.md"
SECTION = re.compile(r"^## (.+?)\n\n(.*?)(?=\n+(?:## |\Z))", re.MULTILINE | re.DOTALL)


def test_every_figure_is_defined_on_the_page(db, settings):
    settings.QUICKSCALE_SERVICES = {"CREDIT_VALUE": {"amount": "0.01", "currency": "usd"}}
    written = dict(SECTION.findall(PAGE.read_text()))
    expected = sections("quickscale_credits", "quickscale_services")
    assert expected
    for title, text in expected.items():
        assert written.get(title) == text, f"Write below {title} in docs/reference/figures.md:\n\n{text}"
