"""A customer keeps cards on the simulated Stripe's page, pays, and reads the receipt, in a real browser."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.people import sign_up
from tests.browser.test_buying import choose, pay

CHALLENGED = "4000 0025 0000 3155"


def add_card(page, number):
    page.goto("/billing/payment-methods/")
    page.get_by_role("button", name="Add a card").click()
    page.wait_for_url("**/c/pay/**")
    page.get_by_label("Card number").fill(number)
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name=re.compile("^Save")).click()


def test_cards_are_added_chosen_and_removed_without_scripts(open_page):
    page = open_page(width=360, java_script_enabled=False)
    sign_up(page, "cards@example.com")
    add_card(page, "4242 4242 4242 4242")
    expect(page.get_by_text("Your card was added.")).to_be_visible()
    add_card(page, CHALLENGED)
    page.get_by_role("button", name="Complete authentication").click()
    expect(page.get_by_role("heading", name="Visa •••• 3155")).to_be_visible()
    page.get_by_role("button", name="Make Visa •••• 3155 the default").click()
    first = page.get_by_role("listitem").filter(has=page.get_by_role("heading")).first
    expect(first).to_contain_text("3155")
    expect(first).to_contain_text("Default")
    page.screenshot(path=SCREENSHOTS / "phone" / "payment-methods-two.png", full_page=True)
    page.get_by_role("button", name="Remove Visa •••• 4242").click()
    expect(page.get_by_role("heading", name="Visa •••• 4242")).to_have_count(0)


def test_what_was_bought_stands_in_the_history_with_its_receipt(page):
    sign_up(page, "receipts@example.com")
    choose(page, "Buy 1000 credits")
    pay(page)
    page.wait_for_url("**/checkout/success/**")
    page.goto("/billing/history/")
    expect(page.get_by_role("main")).to_contain_text("1,000 credits")
    answer = page.request.get(page.get_by_role("link", name="Receipt (PDF)").get_attribute("href"))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(b"%PDF-")
    page.goto("/billing/timeline/")
    expect(page.get_by_role("listitem").filter(has_text="Grant: ").first).to_contain_text(re.compile(r"Balance [\d,]+"))
    page.screenshot(path=SCREENSHOTS / "desktop" / "timeline.png", full_page=True)
