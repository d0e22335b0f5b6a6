"""A run in the background, watched in a real browser while the demo's worker executes it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.people import CUSTOMER, available, log_in

BOOK = "The harbor market opened on Saturday. Fishermen sold most of their catch before ten. " * 2000


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_the_page_of_a_run_shows_its_result_when_a_worker_has_it(open_page, scripts):
    page = open_page(java_script_enabled=scripts)
    log_in(page, CUSTOMER)
    before = int(available(page))
    page.goto("/services/book-index/")
    page.get_by_label("Text").fill(BOOK)
    page.get_by_role("button", name="Run for 5 credits").click()
    page.wait_for_url(re.compile("/services/runs/.+"))
    expect(page.get_by_role("region", name="Result")).to_contain_text("fishermen", timeout=60_000)
    assert int(available(page)) == before - 5
