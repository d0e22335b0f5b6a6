"""From the page to the API and back: a key is made, copied, used by a program, and revoked."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import expect

from tests.browser.people import CUSTOMER, available, log_in, make_key


def run(demo, key):
    """What a program with this key gets from a free service."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = json.dumps({"text": "Three short words."}).encode()
    with urlopen(Request(f"{demo}/api/services/text-statistics/run", body, headers)) as answer:
        return json.load(answer)


def row(page, name):
    return page.get_by_role("row").filter(has_text=name)


def test_a_key_is_made_copied_used_and_revoked(open_page, demo):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    log_in(page, CUSTOMER)
    before = available(page)
    key = make_key(page, "nightly job")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == key
    assert (run(demo, key)["cost"], available(page)) == ("0", before)
    page.goto("/services/keys/")
    assert "Never" not in row(page, "nightly job").inner_text()
    row(page, "nightly job").get_by_role("button", name="Revoke").click()
    page.get_by_role("status").wait_for()
    assert "Revoked" in row(page, "nightly job").inner_text()
    with pytest.raises(HTTPError, match="401"):
        run(demo, key)


def test_the_docs_of_the_api_are_linked_and_need_no_script(open_page):
    page = open_page(java_script_enabled=False)
    log_in(page, CUSTOMER)
    page.get_by_role("link", name="ada@inkwell.example").hover()
    page.get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="How to call the API").click()
    expect(page.get_by_role("heading", name="API", exact=True)).to_be_visible()
    expect(page.get_by_text("/services/text-summary/run").first).to_be_visible()
