"""The forms of accounts: sent by htmx where there are scripts, with the same answers as without them."""

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from playwright.sync_api import expect

from tests.browser.people import CUSTOMER, PASSWORD, log_in
from tests.browser.test_story import MARK

HTMX = {"HX-Request": "true"}


@pytest.fixture
def asked(client, db):
    cache.clear()  # what others tried in vain counts against who comes from their address
    get_user_model().objects.create_user("ada@example.com", "a long enough secret")
    return lambda address, form: client.post(address, form, headers=HTMX)


def test_what_is_wrong_is_said_in_place_and_the_login_leads_on(page):
    page.goto("/accounts/login/?next=/services/")
    page.evaluate(MARK)
    form = page.get_by_role("main").locator("form")
    form.get_by_label("Email").fill(CUSTOMER)
    form.get_by_label("Password").fill("a wrong one")
    form.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="not correct")).to_be_visible()
    assert page.evaluate("window.wasNotReloaded")
    expect(form.get_by_label("Email")).to_have_value(CUSTOMER)
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/services/")
    expect(page.get_by_role("navigation").get_by_role("link", name="Notices")).to_be_visible()


@pytest.mark.parametrize(
    ("address", "label", "button", "told"),
    [
        ("/accounts/signup/", "Password (again)", "Sign up", "You must type the same password each time."),
        ("/accounts/password/reset/", "Email", "Reset", "Enter a valid email address."),
    ],
)
def test_signing_up_and_resetting_say_in_place_what_is_wrong(page, address, label, button, told):
    page.goto(address)
    page.evaluate(MARK)
    form = page.get_by_role("main").locator("form")
    form.evaluate("form => (form.noValidate = true)")
    for each in form.locator("input:not([type=hidden])").all():
        each.fill("a long enough secret")
    form.get_by_label(label).fill("another")
    form.get_by_role("button", name=button).click()
    expect(page.get_by_role("main").get_by_text(told)).to_be_visible()
    assert page.evaluate("window.wasNotReloaded")


def test_signing_out_leads_the_browser_on(page):
    log_in(page, CUSTOMER)
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign up").first.wait_for()


def test_where_an_answer_leads_on_htmx_is_told_to_let_the_browser_go_there(asked):
    login = asked("/accounts/login/", {"login": "ada@example.com", "password": "a long enough secret"})
    assert (login.status_code, login.headers["HX-Redirect"]) == (200, "/accounts/confirm-email/")


def test_an_answer_in_place_stays_as_it_is(asked):
    refused = asked("/accounts/login/", {"login": "ada@example.com", "password": "wrong"})
    assert "HX-Redirect" not in refused.headers
    assert "not correct" in refused.content.decode()
