"""A customer lets a pack be bought by itself: the bank wants to be asked, they confirm, and their credits are there."""

from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.people import available, sign_up, summarize
from tests.browser.test_buying import VISA
from tests.browser.test_cards import add_card

# The bank wants to be asked for each payment, the one for which the owner is away too.
ASKS_ALWAYS = "4000 0027 6000 3184"
PAGE = "/billing/top-up/"
MOST_RELOADS = 300


def reload_until(page, shown):
    """A worker of the demo does it a moment after the page has answered."""
    for _ in range(MOST_RELOADS):
        page.goto(PAGE)
        if shown.count():
            return
    raise AssertionError(page.get_by_role("main").inner_text())


def test_credits_are_topped_up_after_a_spend_once_the_owner_has_confirmed(open_page):
    page = open_page(width=360)
    sign_up(page, "top-up@example.com")
    page.goto(PAGE)
    page.get_by_role("main").get_by_role("link", name="Add a card").click()
    add_card(page, ASKS_ALWAYS)
    page.get_by_role("button", name="Complete authentication").click()
    page.wait_for_url("**/payment-methods/**")
    page.goto(PAGE)
    page.get_by_role("combobox", name="Pack").select_option("pack-1000")
    page.get_by_role("spinbutton", name="When fewer credits are available than").fill("500")
    page.get_by_role("spinbutton", name="At most in a month").fill("100")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_text("when fewer than 500 credits are available")).to_be_visible()
    before = int(available(page))
    summarize(page, "The harbor market opened on Saturday. Fishermen sold most of their catch before ten.")
    reload_until(page, page.get_by_role("link", name="Confirm it now"))
    page.screenshot(path=SCREENSHOTS / "phone" / "top-up-confirm.png", full_page=True)
    page.get_by_role("link", name="Confirm it now").click()
    page.get_by_label("Card number").fill(VISA)
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_text("This invoice is paid.")).to_be_visible()
    reload_until(page, page.get_by_text("Paid", exact=True))
    assert available(page) == f"{before - 2 + 1000:,}"
    page.screenshot(path=SCREENSHOTS / "phone" / "top-up-on.png", full_page=True)
    page.get_by_role("button", name="Turn it off").click()
    expect(page.get_by_text("Turned off by the owner")).to_be_visible()
