"""What people do on the example's pages."""

import re

# As the demo prints them.
PASSWORD = "inkwell-demo"
CUSTOMER = "ada@inkwell.example"
NEARLY_OUT = "nell@inkwell.example"
ADMIN = "admin@inkwell.example"
MEMBER = "mila@inkwell.example"
SUPPORT, BILLING, ANALYST = "support@inkwell.example", "billing@inkwell.example", "analyst@inkwell.example"


def log_in(page, email):
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/")


def sign_up(page, email):
    """Up to the verified address, by the link in the mailbox."""
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill("a long enough secret")
    page.get_by_label("Password (again)").fill("a long enough secret")
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    page.wait_for_url("**/confirm-email/")
    page.get_by_role("link", name="mailbox").click()
    page.get_by_role("link", name=re.compile(email)).click()
    page.get_by_role("link", name=re.compile("confirm-email")).click()
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/dashboard/")


def available(page):
    """The credits that the navigation bar shows."""
    return page.locator("#credit-balance").inner_text()


def summarize(page, text):
    """Waits for what comes of it, a result or a refusal."""
    page.goto("/services/text-summary/")
    page.get_by_label("Text").fill(text)
    page.get_by_role("button", name="Run for 2 credits").click()
    outcome = page.get_by_role("region", name="Result").or_(page.get_by_role("main").get_by_role("alert"))
    outcome.first.wait_for()


def make_key(page, name):
    page.goto("/services/keys/")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the key").click()
    return page.locator("#new-key").inner_text()
