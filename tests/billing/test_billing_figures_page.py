"""The page of figures says of each figure of sales what its tooltip says."""

import pytest

from tests.figures import sections
from tests.test_figures_page import PAGE, SECTION

pytestmark = pytest.mark.once


def test_every_figure_of_sales_is_defined_on_the_page(db, settings):
    settings.QUICKSCALE_BILLING = {"REPORTING_CURRENCY": "usd"}
    written = dict(SECTION.findall(PAGE.read_text()))
    expected = sections("quickscale_billing")
    assert len(expected) == 5
    for title, text in expected.items():
        assert written.get(title) == text, f"Write below {title} in docs/reference/figures.md:\n\n{text}"
