"""The page of a service that streams, with its script and without."""

import json
import re

import pytest

from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry
from quickscale_services.models import ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.samples import streaming_service

pytestmark = pytest.mark.once

ADDRESS = "/services/doing/"
EVENTS = {"Accept": "text/event-stream"}


def words(context):
    yield "one "
    yield {"two": "<b>2</b>"}
    yield "three"


async def awords(context):
    for word in words(context):
        yield word


def text(context):
    yield "one "
    yield "two"


def breaks_off(context):
    yield "one"
    raise LookupError


@pytest.fixture
def offered():
    with register_temporarily():
        yield lambda work, **attributes: registry.register(type(streaming_service(work, **attributes)))


@pytest.fixture
def browser(client, user):
    fund(user, 5)
    client.force_login(user)
    return client


def told(response):
    blocks = response.getvalue().decode().removesuffix("\n\n").split("\n\n")
    return [json.loads(block.rpartition("data: ")[2]) for block in blocks]


def test_the_form_is_sent_by_the_script_that_reads_streams(browser, offered):
    offered(words)
    page = browser.get(ADDRESS).content.decode()
    assert "quickscale_services/stream.js" in page
    assert re.search(r"<form[^>]* data-stream>", page)
    assert "hx-post" not in page
    assert "data-stream" not in browser.get("/services/count-words/").content.decode()


def test_text_comes_as_text_and_all_else_as_html_that_is_escaped(browser, user, offered):
    offered(words)
    *pieces, last = told(browser.post(ADDRESS, {}, headers=EVENTS))
    assert [pieces[0], pieces[2]] == [{"text": "one "}, {"text": "three"}]
    assert "&lt;b&gt;2&lt;/b&gt;" in pieces[1]["html"]
    assert last["html"].strip().startswith('<div id="service"')
    assert 'id="credit-balance"' in last["html"]
    assert_balance(user, 3)


def test_without_scripts_the_whole_text_is_there_at_once(browser, offered):
    offered(text)
    response = browser.post(ADDRESS, {})
    assert "<h1" in response.content.decode()
    assert response.context["shown"].text == "one two"


def test_the_page_of_a_run_shows_the_text_too(browser, offered):
    offered(text, keep_payloads=True)
    run = browser.post(ADDRESS, {}).context["result"].run
    assert "one two" in browser.get(f"/services/runs/{run.pk}/").content.decode()


def test_what_breaks_off_ends_with_the_problem(browser, user, offered):
    offered(breaks_off)
    _, last = told(browser.post(ADDRESS, {}, headers=EVENTS))
    assert "nothing was charged" in last["html"]
    assert_balance(user, 5)


@pytest.mark.parametrize("work", [words, awords], ids=["def", "async def"])
def test_a_template_of_the_host_that_fails_is_a_failed_run_and_nobody_has_gone_away(
    browser, user, offered, settings, tmp_path, work
):
    (tmp_path / "quickscale_services").mkdir()
    (tmp_path / "quickscale_services" / "_value.html").write_text('{% include "missing.html" %}')
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    offered(work)
    first, last = told(browser.post(ADDRESS, {}, headers=EVENTS))
    assert first == {"text": "one "}
    assert "nothing was charged" in last["html"]
    assert ServiceRun.objects.get().status == "failed"
    assert_balance(user, 5)


def test_what_goes_wrong_before_the_first_piece_is_the_part_of_the_page_with_its_status(browser, user, offered):
    offered(text, cost=9)
    response = browser.post(ADDRESS, {}, headers=EVENTS)
    assert (response.status_code, response.headers["Content-Type"]) == (402, "text/html; charset=utf-8")
    assert response.content.decode().strip().startswith('<div id="service"')
    assert not ServiceRun.objects.exists()


def test_the_same_form_sent_twice_is_one_run(browser, user, offered):
    offered(text)
    form = {"form_id": "7d9f1c9e-4d7c-4f3b-9a53-0f1c2f6d1a11"}
    first, second = (told(browser.post(ADDRESS, form, headers=EVENTS)) for _ in range(2))
    assert first[:2] == second[:2] == [{"text": "one "}, {"text": "two"}]
    assert_balance(user, 3)
