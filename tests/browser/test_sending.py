"""Nothing is sent twice, however slow the server and however often a button is pressed; forms say that they wait."""

import threading
from collections import Counter
from contextlib import contextmanager

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import expect

from quickscale_credits import ledger
from tests.browser import slowness
from tests.browser.conftest import window_on
from tests.browser.people import CUSTOMER, log_in
from tests.browser.test_layout import PRIVATE, PUBLIC

# The page that is left is asked for nothing: what it showed is kept for the page after it.
REMEMBER_BUSY = """
const button = () => document.querySelector("form[aria-busy=true] .is-loading");
new MutationObserver(() => (sessionStorage.busy = button()?.innerText))
  .observe(document, { subtree: true, attributeFilter: ["aria-busy"] });
"""
HELD = "form[aria-busy=true]"
# Of each form that did not refuse a second press, or did not say that it waits, where it leads; and of all forms.
PRESS_ALL_TWICE = """async () => {
  const faulty = [...document.forms].filter((form) => {
    form.noValidate = true;
    form.requestSubmit();
    const isRefused = !form.dispatchEvent(new SubmitEvent("submit", { cancelable: true, bubbles: true }));
    return !isRefused || form.ariaBusy !== "true";
  });
  await fetch("/comes-after-all-that-they-sent");
  const whereTo = (form) => `${form.method.toUpperCase()} ${form.action}`;
  return [faulty.map(whereTo), [...document.forms].map(whereTo)];
}"""


@pytest.fixture(scope="module", autouse=True)
def allow_the_database_beside_playwright():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture
def ada(transactional_db):
    user = get_user_model().objects.create_user("ada@example.com")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    ledger.grant(user, 10)
    return user


@pytest.fixture
def slow_page(browser, live_server, ada):
    """`slow_page(scripts=True)` opens a window in which Ada is signed in, on a server that lets nothing through."""
    cache.clear()
    client = Client()
    client.force_login(ada)
    slowness.arrived.clear()
    slowness.came = threading.Semaphore(0)
    slowness.gate.clear()
    with window_on(browser, live_server.url) as open_window:

        def open_hers(*, scripts=True):
            page = open_window(java_script_enabled=scripts)
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
            page.context.add_cookies([cookie])
            page.add_init_script(REMEMBER_BUSY)
            return page

        yield open_hers
        slowness.gate.set()


def press_twice(page, name):
    """By the mouse, which does not wait for the page that the first press leads to."""
    press = presser(page, name)
    press()
    press()


def send_twice(page, name):
    """The second press comes when the first has reached the server: else the browser would forget the first."""
    press = presser(page, name)
    for _ in range(2):
        press()
        assert slowness.came.acquire(timeout=60)


def presser(page, name):
    button = page.get_by_role("main").get_by_role("button", name=name)
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    return lambda: page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def write(page):
    page.goto("/contact/")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("Message").fill("Is there a plan for schools?")


def test_a_form_is_busy_until_its_answer_and_is_not_sent_twice(slow_page):
    page = slow_page()
    write(page)
    press_twice(page, "Send")
    slowness.gate.set()
    page.wait_for_url("**/thanks/")
    assert page.evaluate("sessionStorage.busy") == "Send"
    assert slowness.arrived == ["/contact/"]
    assert len(mail.outbox) == 1


def test_a_form_sent_by_htmx_is_busy_until_its_answer_and_is_not_sent_twice(slow_page, ada):
    page = slow_page()
    page.goto("/services/text-summary/")
    page.get_by_label("Text").fill("One sentence. Another one. A third.")
    press_twice(page, "Run")
    expect(page.locator(HELD)).to_have_count(1)
    slowness.gate.set()
    page.get_by_role("region", name="Result").wait_for()
    expect(page.locator(HELD)).to_have_count(0)
    assert slowness.arrived == ["/services/text-summary/"]
    assert ledger.balance(ada).total == 8


def test_without_scripts_a_form_that_is_sent_twice_counts_once(slow_page, ada):
    page = slow_page(scripts=False)
    page.goto("/services/text-summary/")
    page.get_by_label("Text").fill("One sentence. Another one. A third.")
    send_twice(page, "Run")
    slowness.gate.set()
    page.get_by_role("region", name="Result").wait_for()
    write(page)
    slowness.gate.clear()
    send_twice(page, "Send")
    slowness.gate.set()
    page.get_by_role("heading", name="Thank you").wait_for()  # by its second answer: the first is given up
    assert slowness.arrived == ["/services/text-summary/"] * 2 + ["/contact/"] * 2
    assert ledger.balance(ada).total == 8
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("who", ["a visitor", "a customer"])
def test_no_form_of_any_page_is_sent_a_second_time(open_page, who):
    page = open_page()
    if who == "a customer":
        log_in(page, CUSTOMER)
    faults = []
    for address in PRIVATE if who == "a customer" else PUBLIC:
        page.goto(address)
        with answering_nothing(page) as sent:
            faulty, forms = page.evaluate(PRESS_ALL_TWICE)
        faults += faulty + [each for each, times in Counter(sent).items() if times > max(1, forms.count(each))]
    assert faults == []


@contextmanager
def answering_nothing(page):
    """What the page asks for meanwhile; 204 leaves it as it is."""
    sent = []

    def answer(route):
        sent.append(f"{route.request.method} {route.request.url}")
        route.fulfill(status=204)

    page.route("**", answer)
    yield sent
    page.unroute("**")
