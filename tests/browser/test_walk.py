"""Everybody's way through the whole site, on a phone: each kind of page that a role finds by links, looked at once."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import address_of, free_port, started_demo, window_on
from tests.browser.people import ADMIN, ANALYST, BILLING, CUSTOMER, MEMBER, SUPPORT, log_in, sign_up
from tests.browser.test_buying import choose, pay

AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text()
# `preload` would copy style sheets into the page, which its policy refuses.
FIND_FAULTS = """async () => {
  const found = await axe.run({
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    resultTypes: ["violations"],
    preload: false,
  });
  const serious = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return serious.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 150)}`);
}"""
# The elements of a page with their classes: what another role sees otherwise differs in these.
SHAPE = "() => [...document.querySelectorAll('body *')].map((each) => `${each.localName}.${each.className}`).join()"
WIDTH = "() => document.documentElement.scrollWidth"
PHONE = 360
LINKS = "() => [...document.links].filter((link) => !link.hasAttribute('download')).map((link) => link.href)"
# What is no page; Django's own pages and the history that its admin shows of each row; and what ends the login.
LEFT_OUT = re.compile(
    r"^/(accounts/logout|api/openapi|billing/(receipts|history\.csv)|static|stripe)"
    r"|^/admin/(logout|jsi18n|password_change|auth/|account/|accounts/|usersessions|djstripe|django_tasks)"
    r"|/(delete|history|export|csv|json)/$|\.(csv|json|pdf)$"
)
# What each of the staff is shown other parts of; the rest is the same for them as for customers.
OF_STAFF = re.compile("^/(staff|admin)/")
# Where the variant with teams differs.
TEAMS = re.compile(r"^/(team|dashboard|credits|notices|billing|time-machine|services/(runs|keys))/")


def kind_of(path):
    """Of a run, a plan or a row of the admin, one stands for all."""
    return re.sub(r"/(\d+|[0-9a-f-]{36}|[0-9a-f]{16}|[\w-]+)(?=/([a-z-]+/)?$)", lambda found: shortened(found[0]), path)


def shortened(step):
    return "/:id" if re.search(r"\d", step) else step


@pytest.fixture(scope="module")
def shapes():
    """The kinds of pages that were examined, each with what it was made of."""
    return set()


def walk(page, role, shapes, *, starts=("/",), only=re.compile("")):
    """The kinds of pages that this role comes to by links, and the faults by page."""
    faults, waiting, seen = {}, list(starts), set(starts)
    while waiting:
        path = waiting.pop(0)
        if found := faults_of(page, path, shapes):
            faults[f"{role}: {path}"] = found
        for address in map(urlsplit, page.evaluate(LINKS)):
            kind = kind_of(address.path)
            is_ours = address.netloc == urlsplit(page.url).netloc and not LEFT_OUT.search(address.path)
            if is_ours and kind not in seen and only.search(kind):
                seen.add(kind)
                waiting.append(address.path)
    return seen, faults


def faults_of(page, path, shapes):
    """Two roles may be shown the same page: it is examined once."""
    status = page.goto(path).status
    found = [] if status == 200 else [f"it answered {status}"]
    if (width := page.evaluate(WIDTH)) > PHONE:
        found.append(f"it is {width} px wide")
    if (shape := (kind_of(path), page.evaluate(SHAPE))) not in shapes:
        shapes.add(shape)
        page.evaluate(AXE)
        found += page.evaluate(FIND_FAULTS)
    return found


@pytest.fixture(scope="module")
def bought(browser, demo):
    """There are rows with ids of Stripe's."""
    with window_on(browser, demo) as open_window:
        page = open_window()
        sign_up(page, "buyer@example.com")
        for button in ("Buy 1000 credits", "Subscribe to Basic"):
            choose(page, button)
            pay(page)
            page.wait_for_url("**/checkout/success/**")


def test_no_page_that_a_visitor_comes_to_has_a_fault(open_page, bought, shapes):
    seen, faults = walk(open_page(width=PHONE), "a visitor", shapes)
    assert faults == {}
    assert {"/accounts/login/", "/billing/", "/services/text-summary/"} <= seen


def test_no_page_that_a_customer_comes_to_has_a_fault(open_page, bought, shapes):
    page = open_page(width=PHONE)
    log_in(page, CUSTOMER)
    seen, faults = walk(page, "a customer", shapes)
    assert faults == {}
    assert {"/dashboard/", "/billing/subscription/", "/services/runs/:id/"} <= seen


@pytest.mark.parametrize(
    ("email", "their_own"),
    [
        (SUPPORT, "/admin/quickscale_billing/payment/:id/investigate/"),
        (BILLING, "/admin/quickscale_billing/payment/:id/refund/"),
        (ANALYST, "/admin/analytics/revenue/"),
        (ADMIN, "/admin/quickscale_services/service/:id/change/"),
    ],
)
def test_no_page_that_the_staff_comes_to_has_a_fault(open_page, bought, shapes, email, their_own):
    page = open_page(width=PHONE)
    log_in(page, email)
    seen, faults = walk(page, email, shapes, starts=("/staff/", "/admin/"), only=OF_STAFF)
    assert faults == {}
    assert their_own in seen


@pytest.mark.parametrize("email", [MEMBER, CUSTOMER])
def test_no_page_that_a_team_comes_to_has_a_fault(browser, team_demo, email):
    with window_on(browser, team_demo) as open_window:
        page = open_window(width=PHONE)
        log_in(page, email)
        seen, faults = walk(page, email, set(), only=TEAMS)
    assert faults == {}
    assert {"/team/", "/team/found/", "/billing/subscription/"} <= seen


@pytest.fixture(scope="module")
def team_demo():
    """The address of the variant with teams, whose administrator is the customer."""
    with started_demo("--teams", "--port", str(free_port())) as process:
        yield address_of(process)
