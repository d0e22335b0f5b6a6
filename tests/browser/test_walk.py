"""Everybody's way through the whole site, on a phone: each kind of page that a role finds by links, looked at once."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from tests.browser.conftest import address_of, free_port, started_demo, window_on
from tests.browser.people import CUSTOMER, MEMBER, STAFF, log_in, sign_up
from tests.browser.test_buying import choose, pay

AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text()
# `preload` would copy style sheets into the page, which its policy refuses.
# How the admin shows its links, and names the filter of an empty value, is Django's.
FIND_FAULTS = """async () => {
  const isOurs = !location.pathname.startsWith("/admin/");
  const found = await axe.run({
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    resultTypes: ["violations"],
    preload: false,
    rules: { "link-in-text-block": { enabled: isOurs }, "link-name": { enabled: isOurs } },
  });
  const serious = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const { scrollWidth, clientWidth } = document.documentElement;
  return [
    ...serious.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 150)}`),
    ...(scrollWidth > clientWidth ? [`it is ${scrollWidth} px wide`] : []),
  ];
}"""
LINKS = "() => [...document.links].filter((link) => !link.hasAttribute('download')).map((link) => link.href)"
# What is no page; Django's own pages and the history that its admin shows of each row; and what ends the login.
LEFT_OUT = re.compile(
    r"^/(accounts/logout|api/openapi|billing/(receipts|history\.csv)|static|stripe)"
    r"|^/admin/(logout|jsi18n|password_change|auth|account|usersessions|djstripe|django_tasks|mailbox|notices|accounts)"
    r"|/(add|delete|history|export|csv|json)/$|\.(csv|json|pdf)$"
)
ROLES = {"a visitor": None, "a customer": CUSTOMER, **{email: email for email in STAFF}}
# Where the variant with teams differs.
TEAMS = re.compile(r"^/(team|dashboard|credits|notices|time-machine|services/runs)/")


def kind_of(path):
    """Of a run, a plan or a row of the admin, one stands for all."""
    return re.sub(r"/(\d+|[0-9a-f-]{36}|[0-9a-f]{16}|[\w-]+)(?=/(change/)?$)", lambda found: shortened(found[0]), path)


def shortened(step):
    return "/:id" if re.search(r"\d", step) else step


def walk(page, role, seen, *, only=re.compile("")):
    """The faults by page. `seen` are the kinds of pages that were looked at, as whoever came first; the staff begin
    where each of them is shown other links."""
    faults, waiting = {}, ["/", "/staff/", "/admin/"] if role in STAFF else ["/"]
    while waiting:
        path = waiting.pop(0)
        status = page.goto(path).status
        page.evaluate(AXE)
        found = page.evaluate(FIND_FAULTS) + ([] if status == 200 else [f"it answered {status}"])
        if found:
            faults[f"{role}: {path}"] = found
        for address in map(urlsplit, page.evaluate(LINKS)):
            kind = kind_of(address.path)
            is_ours = address.netloc == urlsplit(page.url).netloc and not LEFT_OUT.search(address.path)
            if is_ours and kind not in seen and only.search(kind):
                seen.add(kind)
                waiting.append(address.path)
    return faults


def buy(page):
    sign_up(page, "buyer@example.com")
    choose(page, "Buy 1000 credits")
    pay(page)
    page.wait_for_url("**/checkout/success/**")


def test_no_page_that_a_role_comes_to_has_a_fault(open_page):
    """One test, so that what two roles come to is looked at once."""
    seen, faults = set(), {}
    buy(open_page())  # so that there are rows with ids of Stripe's
    for role, email in ROLES.items():
        page = open_page(width=360)
        if email:
            log_in(page, email)
        faults |= walk(page, role, seen)
    assert faults == {}
    assert {"/accounts/login/", "/dashboard/", "/staff/", "/admin/analytics/"} <= seen


def test_no_page_that_a_team_comes_to_has_a_fault(browser):
    seen, faults = set(), {}
    with (
        started_demo("--teams", "--port", str(free_port())) as process,
        window_on(browser, address_of(process)) as open_window,
    ):
        for email in (MEMBER, CUSTOMER):
            page = open_window(width=360)
            log_in(page, email)
            faults |= walk(page, email, seen, only=TEAMS)
    assert faults == {}
    assert {"/team/", "/team/found/"} <= seen
