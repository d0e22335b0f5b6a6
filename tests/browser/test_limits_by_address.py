"""Limits by address: whose they are behind a proxy, and that nobody gets another's by a header."""

import pytest
import yaml
from django.core.cache import cache
from django.test import Client

from tests.parts import ROOT

LETTER = {"name": "Ada", "email": "ada@example.com", "message": "Hello"}
LOGIN = {"login": "ada@example.com", "password": "not the one"}


@pytest.fixture(autouse=True)
def forget_limits(db):
    cache.clear()


@pytest.fixture
def one_proxy(settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1


def write(client, chain):
    return client.post("/contact/", LETTER, headers={"x-forwarded-for": chain}).status_code


def log_in(client, chain):
    return answer_to_login(client, chain).status_code


def answer_to_login(client, chain):
    """Each time as somebody else, so that only the limit by address counts."""
    client.logins = getattr(client, "logins", 0) + 1
    form = LOGIN | {"login": f"ada{client.logins}@example.com"}
    return client.post("/accounts/login/", form, headers={"x-forwarded-for": chain})


def test_behind_a_proxy_each_visitor_has_a_limit_on_letters(client, one_proxy):
    assert [write(client, "203.0.113.1") for _ in range(6)] == [302] * 5 + [422]
    assert write(client, "203.0.113.2") == 302


def test_behind_a_proxy_each_visitor_has_a_limit_on_logins(client, one_proxy):
    assert [log_in(client, "203.0.113.1") for _ in range(31)][-1] == 429
    assert log_in(client, "203.0.113.2") == 200


def test_who_logs_in_too_often_reads_so_where_the_form_stood(client, one_proxy):
    shown = [answer_to_login(client, "203.0.113.1") for _ in range(31)][-1].content.decode()
    assert "Too many requests" in shown
    assert '<main id="content"' in shown


def test_what_a_visitor_says_of_themselves_is_not_believed_behind_a_proxy(client, one_proxy):
    """The proxy adds whom it sees at the end; what stands before is the visitor's invention."""
    assert [write(client, f"10.0.0.{n}, 203.0.113.1") for n in range(6)][-1] == 422


@pytest.mark.parametrize(
    "act", [lambda client, n: write(client, f"10.0.0.{n}"), lambda client, n: log_in(client, f"10.0.0.{n}")]
)
def test_without_a_proxy_the_header_is_not_believed(client, act):
    assert [act(client, number) for number in range(31)][-1] in (422, 429)


@pytest.mark.parametrize("act", [write, log_in])
@pytest.mark.parametrize("chain", ["203.0.113.1", "", "203.0.113.1, unknown"])
def test_a_header_that_is_not_what_the_proxies_make_counts_for_who_connects(client, settings, act, chain):
    """Whoever comes past one of two proxies shares the limits of the one that they come from, and gets an answer."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1 if "unknown" in chain else 2
    assert act(client, chain) in (200, 302)
    assert [act(client, chain) for _ in range(31)][-1] in (422, 429)
    other = Client(REMOTE_ADDR="192.0.2.9")
    assert act(other, chain) in (200, 302)


def test_the_log_says_that_the_header_is_wrong(client, settings, caplog):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    write(client, "203.0.113.1")
    assert "TRUSTED_PROXY_COUNT" in caplog.text


def test_behind_a_socket_without_a_header_nobody_is_counted_as_everybody(settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert write(Client(REMOTE_ADDR=""), "") == 403
    assert write(Client(REMOTE_ADDR=""), "203.0.113.1") == 302


def test_the_compose_file_trusts_the_one_proxy_that_can_reach_it():
    services = yaml.safe_load((ROOT / "example_project" / "compose.yaml").read_text())["services"]
    assert services["web"]["environment"]["TRUSTED_PROXY_COUNT"] == "${TRUSTED_PROXY_COUNT:-1}"
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8000:8000"]
