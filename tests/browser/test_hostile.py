"""Hostile text wherever the site takes text: no route fails on it, and no page of a browser runs it."""

import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.browser.people import ADMIN, log_in, make_key, sign_up, summarize
from tests.browser.test_layout import PRIVATE, PUBLIC

FULL_SCALE = os.environ.get("QUICKSCALE_FULL_SCALE") == "1"
MARKUP = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}"
HOSTILE = [MARKUP, "\x00", "../../etc/passwd", "9" * 30, "'; DROP TABLE auth_user; --", "é\u202e\ud7ff" * 50]
PARAMETERS = ["q", "page", "after", "before", "kind", "since", "until", "interval", "currency", "next", "period", "o"]
ARGUMENT = re.compile(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)|<[^>]+>")
# What ends the session; and dj-stripe's own admin, which fails where a model is named that it does not have.
LEFT_OUT = ("accounts/logout", "admin/logout", "admin/djstripe")


def routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        here = before + str(pattern.pattern).lstrip("^").replace("\\Z", "").rstrip("$")
        if isinstance(pattern, URLPattern):
            yield here
        else:
            yield from routes(pattern.url_patterns, here)


def addresses() -> list[str]:
    """Each route, with hostile text, a number or a UUID where it has an argument: one of them, at full scale all."""
    given = [*(quote(text, safe="") for text in HOSTILE[:3]), "1", "00000000-0000-0000-0000-000000000000"]
    walked = list(enumerate(routes(get_resolver().url_patterns)))
    found = {
        ARGUMENT.sub(text, route)
        for number, route in walked
        for text in (given if FULL_SCALE else [given[number % len(given)]])
    }
    return sorted(f"/{address}" for address in found if not address.startswith(LEFT_OUT))


@pytest.fixture
def callers(stripe_simulator: Any, db: None) -> dict[str, Client]:
    cache.clear()
    users = get_user_model().objects
    customer = users.create_user("ada@example.com", "a long enough secret")
    staff = users.create_superuser("root@example.com", "a long enough secret")
    callers = {"visitor": Client(raise_request_exception=False)}
    for name, user in (("customer", customer), ("staff", staff)):
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        callers[name] = Client(raise_request_exception=False)
        callers[name].force_login(user)
    return callers


def answers(caller: Client, address: str, number: int) -> Iterator[int]:
    """What it says to hostile text in its address, in its query, and in a form."""
    text = HOSTILE[number % len(HOSTILE)]
    for ask in (
        lambda: caller.get(address, dict.fromkeys(PARAMETERS, text)),
        lambda: caller.post(address, dict.fromkeys([*PARAMETERS, "name", "email", "amount", "code", "key"], text)),
    ):
        yield ask().status_code


@pytest.mark.parametrize("who", ["visitor", "customer", "staff"])
def test_no_route_fails_on_hostile_input(who: str, callers: dict[str, Client]) -> None:
    walked = addresses()
    assert len(walked) > 200
    caller = callers[who]
    found = [
        (address, status)
        for number, address in enumerate(walked)
        for status in answers(caller, address, number)
        if status >= 500
    ]
    assert found == []


def test_hostile_names_run_no_script_on_any_page(open_page: Any) -> None:
    """A customer whose name, key and input are markup looks at every page, and so does the staff."""
    page, dialogs = open_page(), []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    sign_up(page, "mallory@inkwell.example")
    page.goto("/accounts/profile/")
    page.get_by_label("Name").fill(MARKUP)
    page.get_by_role("button", name="Save").click()
    make_key(page, MARKUP[:90])
    summarize(page, MARKUP + ". " + MARKUP)
    for address in [*PUBLIC, *(address for address in PRIVATE if "logout" not in address)]:
        page.goto(f"{address.partition('?')[0]}?{urlencode(dict.fromkeys(PARAMETERS, MARKUP))}")
        assert page.locator("img[src=x]").count() == 0, address
    staff = open_page()
    staff.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    log_in(staff, ADMIN)
    for model in ("quickscale_credits/creditaccount", "quickscale_services/servicerun", "quickscale_services/apikey"):
        staff.goto(f"/admin/{model}/?{urlencode({'q': MARKUP})}")
        staff.goto(f"/admin/{model}/")
        assert staff.locator("img[src=x]").count() == 0, model
    assert dialogs == []
