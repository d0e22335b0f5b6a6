"""Nothing sticks out and nothing overlaps, on a desk and on a phone; screenshots go to the ignored folder."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.people import ADMIN, CUSTOMER, log_in, make_key
from tests.browser.test_walk import AXE, FIND_FAULTS

FAULTS = (Path(__file__).parent / "layout.js").read_text()
WIDTHS = {"desktop": 1280, "phone": 360}

PUBLIC = [
    "/",
    "/about/",
    "/contact/",
    "/services/",
    "/services/text-summary/",
    "/billing/",
    "/billing/plans/pro/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/mailbox/",
    "/nowhere/",
    "/api/docs",
]
PRIVATE = [
    "/",
    "/dashboard/",
    "/notices/",
    "/credits/",
    "/credits/?kind=expiry&since=2020-01-01",
    "/billing/",
    "/billing/?interval=year",
    "/billing/plans/pro/",
    "/billing/packs/",
    "/billing/packs/pack-1000/",
    "/billing/checkout/canceled/",
    "/billing/subscription/",
    "/billing/payment-methods/",
    "/billing/top-up/",
    "/billing/history/",
    "/billing/history/?kind=refund&since=2020-01-01",
    "/billing/timeline/",
    "/time-machine/",
    "/services/",
    "/services/text-summary/",
    "/services/picture-details/",
    "/services/csv-check/",
    "/services/keywords/",
    "/services/runs/",
    "/services/keys/",
    "/accounts/profile/",
    "/accounts/sessions/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/logout/",
]


@pytest.fixture(params=WIDTHS)
def device(request):
    return request.param


def survey(page, address, device, *, who):
    """The page's faults, after a picture of it was taken."""
    page.goto(address)
    name = re.sub(r"\W+", "-", address.strip("/").partition("?")[0]) or "home"
    page.screenshot(path=SCREENSHOTS / device / f"{who}-{name}.png", full_page=True)
    return [f"{address}: {fault}" for fault in page.evaluate(FAULTS)]


def test_pages_for_everybody_fit(open_page, device):
    page = open_page(width=WIDTHS[device])
    assert [fault for address in PUBLIC for fault in survey(page, address, device, who="visitor")] == []


def test_pages_for_customers_fit(open_page, device):
    page = open_page(width=WIDTHS[device])
    log_in(page, CUSTOMER)
    make_key(page, "what reads the reports of the week")
    assert [fault for address in PRIVATE for fault in survey(page, address, device, who="customer")] == []


def test_pages_fit_and_are_legible_in_the_dark(open_page, device):
    page = open_page(width=WIDTHS[device], color_scheme="dark")
    log_in(page, CUSTOMER)
    found = []
    for address in PRIVATE:
        found += survey(page, address, device, who="dark")
        page.evaluate(AXE)
        found += [f"{address}: {fault}" for fault in page.evaluate(FIND_FAULTS)]
    assert found == []


def test_pages_fit_without_scripts(open_page, device):
    page = open_page(width=WIDTHS[device], java_script_enabled=False)
    log_in(page, CUSTOMER)
    assert [fault for address in PRIVATE for fault in survey(page, address, device, who="no-scripts")] == []
    expect(page.get_by_role("navigation").get_by_role("link", name="Runs")).to_be_visible()


def test_the_menu_of_a_phone_opens_by_its_button_and_closes_by_escape(open_page):
    page = open_page(width=WIDTHS["phone"])
    page.goto("/")
    button = page.get_by_role("button", name="Menu")
    services = page.locator("#menu").get_by_role("link", name="Services")
    expect(services).to_be_hidden()
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(services).to_be_visible()
    page.keyboard.press("Escape")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(services).to_be_hidden()


def test_the_admin_opens_under_the_same_policy(open_page):
    page = open_page()
    log_in(page, ADMIN)
    for model in ["creditaccount", "ledgerentry", "creditgrant", "hold", "spendinglimit"]:
        page.goto(f"/admin/quickscale_credits/{model}/")
        page.screenshot(path=SCREENSHOTS / "desktop" / f"admin-{model}.png")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
