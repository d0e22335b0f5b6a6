"""What a customer does all day, in a browser that runs no scripts."""

import re
from urllib.error import HTTPError

import pytest
from playwright.sync_api import expect

from tests.browser.people import ADMIN, CUSTOMER, available, log_in, make_key, sign_up, summarize
from tests.browser.test_api_keys import row, run
from tests.browser.test_buying import choose, open_letter, pay

TEXT = "The harbor market opened on Saturday. Fishermen sold most of their catch before ten. It rained at noon."


@pytest.fixture
def page(open_page):
    return open_page(java_script_enabled=False)


def main(page):
    return page.get_by_role("main")


def downloaded(page, link):
    with page.expect_download() as download:
        link.click()
    return download.value.path().read_bytes()


def test_a_pack_is_bought_spent_from_and_found_in_the_history_with_its_receipt(page):
    sign_up(page, "scriptless@example.com")
    choose(page, "Buy 1000 credits")
    pay(page)
    page.wait_for_url("**/checkout/success/**")
    expect(main(page)).to_contain_text("1,000 credits")
    summarize(page, TEXT)
    expect(page.get_by_role("region", name="Result").first).to_contain_text("It cost 2 credits")
    assert available(page) == "1,098"
    page.goto("/billing/history/")
    page.get_by_label("Kind").select_option("Payment")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**kind=payment**")
    receipt = page.request.get(page.get_by_role("link", name="Receipt (PDF)").get_attribute("href"))
    assert receipt.body().startswith(b"%PDF-")
    open_letter(page, "scriptless@example.com", "Receipt RCP-")
    expect(main(page)).to_contain_text("49.00 USD")


def test_the_history_is_filtered_paged_and_taken_away(page):
    log_in(page, CUSTOMER)
    page.goto("/credits/")
    first = page.locator("#history tbody").inner_text()
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**before=**")
    assert page.locator("#history tbody").inner_text() != first
    page.get_by_label("Kind").select_option("Expiry")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**kind=expiry**")
    cells = page.locator("#history tbody td:nth-child(2)").all()
    assert {each.inner_text().split("\n")[0] for each in cells} == {"Expiry"}
    assert len(downloaded(page, main(page).get_by_role("link", name="CSV")).splitlines()) == len(cells) + 1


def test_a_key_is_made_rotated_and_revoked(page, demo):
    log_in(page, CUSTOMER)
    first = make_key(page, "a reader of mail")
    row(page, "a reader of mail").get_by_role("button", name="Rotate").click()
    second = page.locator("#new-key").inner_text()
    assert first != second
    assert run(demo, second)["cost"] == "0"
    page.goto("/services/keys/")
    revoke = row(page, "a reader of mail").get_by_role("button", name="Revoke")
    while revoke.count():
        revoke.first.click()
        page.get_by_role("status").first.wait_for()
    for key in (first, second):
        with pytest.raises(HTTPError, match="401"):
            run(demo, key)


def test_somebody_writes_on_the_contact_page_and_is_told_what_is_missing(page):
    page.goto("/contact/")
    form = main(page).locator("form")
    form.get_by_label("Name").fill("Nora")
    form.get_by_label("Email").fill("nora@example.com")
    form.evaluate("form => (form.noValidate = true)")
    form.get_by_role("button").click()
    expect(main(page).get_by_role("alert").filter(has_text="required")).to_be_visible()
    form.get_by_label("Message").fill("Do you read Braille?")
    form.get_by_role("button").click()
    page.wait_for_url("**/contact/thanks/")
    open_letter(page, "hello@inkwell.example", "Nora wrote")
    expect(main(page)).to_contain_text("Do you read Braille?")


def test_a_language_and_a_password_are_changed(page):
    sign_up(page, "changing@example.com")
    page.goto("/accounts/profile/")
    page.get_by_label("Language").select_option("Español")
    main(page).get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.get_by_label("Idioma").select_option("English")
    main(page).get_by_role("button", name="Guardar").click()
    page.goto("/accounts/password/change/")
    page.get_by_label("Current Password").fill("a long enough secret")
    page.get_by_label("New Password", exact=True).fill("another long secret")
    page.get_by_label("New Password (again)").fill("another long secret")
    main(page).get_by_role("button", name="Change Password").click()
    expect(page.get_by_role("status").filter(has_text="Password")).to_be_visible()


def test_who_forgot_a_password_gets_a_new_one_by_mail(page):
    sign_up(page, "forgetful@example.com")
    page.goto("/accounts/logout/")
    main(page).get_by_role("button", name="Sign out").click()
    page.goto("/accounts/password/reset/")
    page.get_by_label("Email").fill("forgetful@example.com")
    main(page).get_by_role("button").click()
    page.wait_for_url("**/reset/done/")
    open_letter(page, "forgetful@example.com", "Password Reset")
    main(page).get_by_role("link", name=re.compile("reset.key")).click()
    page.get_by_label("New Password", exact=True).fill("a secret of another kind")
    page.get_by_label("New Password (again)").fill("a secret of another kind")
    main(page).get_by_role("button", name="Change Password").click()
    page.wait_for_url("**/key/done/")
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill("forgetful@example.com")
    page.get_by_label("Password").fill("a secret of another kind")
    main(page).get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/")


def test_a_plan_is_subscribed_to_changed_and_canceled(page):
    sign_up(page, "planning@example.com")
    choose(page, "Subscribe to Basic")
    pay(page)
    page.wait_for_url("**/checkout/success/**")
    page.goto("/billing/subscription/")
    main(page).get_by_role("link", name="Choose Pro by the month").click()
    main(page).get_by_role("button", name="Pay 30.00 USD and change").click()
    page.wait_for_url("**/billing/subscription/")
    expect(main(page).get_by_role("region", name="Pro")).to_contain_text("49.00 USD")
    main(page).get_by_role("button", name="Cancel with the end of the period").click()
    expect(main(page).get_by_role("button", name="Go on with it")).to_be_visible()


def test_the_dashboard_of_the_staff_is_made_of_tables(page):
    log_in(page, ADMIN)
    page.goto("/admin/analytics/?period=90d")
    page.get_by_role("link", name="Show all panels as tables").click()
    panels = page.locator(".analytics-panel")
    assert panels.count() > 5
    charts = page.locator(".analytics-panel figure")
    assert charts.count() == charts.locator("table:visible").count() > 5
    assert page.locator("canvas:visible").count() == 0
    assert len(downloaded(page, panels.first.get_by_role("link", name="CSV").first).splitlines()) > 90
