"""No link that a page of the admin shows leads where its reader may not go."""

import re
from urllib.parse import urljoin

from tests.browser.test_access import ROLES, clients, customer  # noqa: F401 - fixtures
from tests.browser.test_payloads import business  # noqa: F401 - a fixture

LINK = re.compile(r'<a\b[^>]*\bhref="([^"#][^"]*)"')
# dj-stripe's own pages, files, what ends the session, and lists that are narrowed in two ways at once.
LEFT_OUT = re.compile(r"^/admin/(djstripe|logout)|\.(csv|json|pdf)\b|/export/|&")
STAFF = ("support", "billing", "analyst", "admin")


def kind_of(address):
    """Of pages that differ by the row, or by what stands in the query, one stands for all."""
    return re.sub(r"/(\d+|[0-9a-f-]{36})/", "/:id/", re.sub(r"=[^&]*", "=", address))


def answers_by_links(client, starts):
    """How each page answers that is come to by links, with the page that it is linked on."""
    waiting, seen, answers = [("", start) for start in starts], set(starts), {}
    while waiting:
        source, address = waiting.pop(0)
        response = client.get(address)
        answers[address] = (response.status_code, source)
        if response.status_code != 200 or response.streaming:
            continue
        for link in LINK.findall(response.content.decode()):
            found = urljoin(address, link.replace("&amp;", "&"))
            if found.startswith("/admin/") and not LEFT_OUT.search(found) and kind_of(found) not in seen:
                seen.add(kind_of(found))
                waiting.append((address, found))
    return answers


def test_every_link_of_the_admin_leads_to_a_page(clients):  # noqa: F811
    faults, walked = {}, {}
    for role in STAFF:
        answers = answers_by_links(clients[ROLES.index(role)], ["/staff/", "/admin/"])
        faults |= {(role, address): told for address, told in answers.items() if told[0] >= 400}
        walked[role] = len(answers)
    assert faults == {}
    assert 10 < walked["analyst"] < 50 < walked["support"] < walked["billing"] < walked["admin"]
