"""`python -m tests.billing.paying_at_stripe CHROMIUM URL CARD`: pays a page of Checkout at Stripe itself.

The ids of its fields are Stripe's own and nowhere promised: https://docs.stripe.com/testing says which cards it takes.
"""

import sys

from playwright.sync_api import sync_playwright

OURS = "http://testserver/**"
FIELDS = {"#cardExpiry": "12 / 34", "#cardCvc": "123", "#billingName": "Ada Lovelace", "#billingPostalCode": "94107"}


def pay(chromium: str, url: str, card: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.route(OURS, lambda route: route.fulfill(body="Back again."))
        page.goto(url)
        page.fill("#cardNumber", card)
        for field, value in FIELDS.items():
            if page.locator(field).count():
                page.fill(field, value)
        page.click("button[type=submit]")
        page.wait_for_url(OURS, timeout=90_000)
        browser.close()


if __name__ == "__main__":
    pay(*sys.argv[1:])
