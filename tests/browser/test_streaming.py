"""A service that streams, on its page in a real browser."""

import re

from playwright.sync_api import expect

from tests.browser.people import CUSTOMER, available, log_in

TEXT = "Cats sleep. Dogs bark at night. Cows moo."
# Each piece that is shown while the run is under way, before the whole result takes their place.
WATCH = """() => {
  window.seen = 0;
  new MutationObserver((changes) => {
    const shown = changes.filter((change) => change.target.matches?.("[data-stream-output]"));
    window.seen += shown.reduce((sum, change) => sum + change.addedNodes.length, 0);
  }).observe(document.body, { childList: true, subtree: true });
}"""


def review(page):
    page.goto("/services/sentence-review/")
    page.get_by_label("Text").fill(TEXT)
    page.evaluate(WATCH)
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("It cost 0.3 credits").wait_for()


def test_pieces_appear_as_they_come_and_then_the_result_with_its_price(page):
    log_in(page, CUSTOMER)
    page.goto("/services/sentence-review/")
    before = float(available(page).replace(",", ""))
    review(page)
    assert page.evaluate("window.seen") >= 3
    expect(page.get_by_role("region", name="Result").locator("tbody tr")).to_have_count(3)
    assert float(available(page).replace(",", "")) == round(before - 0.3, 6)


def test_the_page_is_ready_for_the_next_run_and_for_a_mistake(page):
    log_in(page, CUSTOMER)
    review(page)
    page.get_by_label("Text").fill("… — !?")
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("There are no words in this text").wait_for()
    assert page.get_by_role("button", name="Run", exact=True).is_enabled()


def test_when_the_connection_is_lost_the_page_says_so(page):
    log_in(page, CUSTOMER)
    page.goto("/services/sentence-review/")
    page.get_by_label("Text").fill(TEXT)
    broken_off = {"content_type": "text/event-stream", "body": 'data: {"text": "Cats"}\n\n'}
    page.route(re.compile("sentence-review"), lambda route: route.fulfill(**broken_off))
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("The connection was lost").wait_for()
    assert page.get_by_role("button", name="Run", exact=True).is_enabled()
