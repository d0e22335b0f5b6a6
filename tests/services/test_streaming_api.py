"""Streams over HTTP, as programs read them."""

import asyncio
import json

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.asgi import ASGIHandler
from django.test import AsyncClient
from pydantic import BaseModel

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry
from quickscale_services.models import ApiKey, ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.samples import streaming_service
from tests.services.test_streaming import EITHER_FAILURE, EITHER_WORK, fails_midway, pieces

RUN = "services/doing/run"
EVENTS = {"Accept": "text/event-stream"}
GIVEN = [("message", "one\ntwo"), ("message", {"three": 3})]


@pytest.fixture
def offered():
    """`offered(work)` registers a service named `doing` until the test ends."""
    with register_temporarily():
        yield lambda work, **attributes: registry.register(type(streaming_service(work, **attributes)))


def told(body):
    """The events as a client reads them: (kind, data)."""
    events = []
    for block in body.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        events.append((fields.get("event", "message"), json.loads(fields["data"])))
    return events


def stream(program, path=RUN, body=None, **headers):
    response = program.post(path, body or {}, **EVENTS | headers)
    assert response.headers["Content-Type"] == "text/event-stream"
    return told(response.getvalue())


async def astream(plain, **headers):
    response = await AsyncClient().post(
        f"/api/{RUN}", {}, "application/json", headers=EVENTS | {"Authorization": f"Bearer {plain}"} | headers
    )
    return told(b"".join([part async for part in response.streaming_content]))


@EITHER_WORK
def test_each_piece_is_an_event_and_then_comes_the_result(user, program, offered, work):
    fund(user, 5)
    offered(work)
    *pieces, (kind, result) = stream(program)
    assert pieces == GIVEN
    assert (kind, result["cost"], result["balance"]) == ("result", "0.5", "4.5")
    assert (result["run"]["status"], "output" in result) == ("succeeded", False)


@pytest.mark.django_db(transaction=True)
@EITHER_WORK
def test_it_is_the_same_under_asgi(user, offered, work):
    fund(user, 5)
    offered(work)
    plain = ApiKey.objects.issue(user, name="k")[1]
    *pieces, (kind, result) = async_to_sync(astream)(plain)
    assert (pieces, kind, result["balance"]) == (GIVEN, "result", "4.5")


def test_no_proxy_is_to_wait_and_nobody_to_keep_it(user, program, offered):
    fund(user, 5)
    offered(pieces)
    response = program.post(RUN, {}, **EVENTS)
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Content-Encoding"] == "identity"
    assert "no-store" in response.headers["Cache-Control"]
    assert response.getvalue().count(b"data: ") == 3


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "application/json, text/event-stream", "x;;q=,"])
def test_who_does_not_prefer_events_gets_all_at_once(user, program, offered, accept):
    fund(user, 5)
    offered(pieces)
    answer = program.post(RUN, {}, Accept=accept).json()
    assert (answer["output"], answer["cost"]) == (["one\ntwo", {"three": 3}], "0.5")


@EITHER_FAILURE
def test_a_failure_midway_is_an_event_with_the_problem(user, program, offered, work):
    fund(user, 5)
    offered(work)
    (_, piece), (kind, problem) = stream(program)
    assert (piece, kind, problem["code"], problem["status"]) == ("one", "error", "service_failed", 502)
    assert problem["run_id"] == str(ServiceRun.objects.get().pk)
    assert "cost" not in problem
    assert_balance(user, 5)


class Raw(BaseModel):
    raw: bytes


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("before", [[], [{"raw": b"said"}]], ids=["at first", "midway"])
def test_a_piece_that_json_cannot_say_is_a_failure_and_nobody_has_gone_away(user, program, offered, before, accept):
    fund(user, 5)
    offered(lambda context: iter([*before, {"raw": b"\xff"}]), Output=Raw)
    response = program.post(RUN, {}, Accept=accept)
    if accept == "text/event-stream" and before:
        assert told(response.getvalue())[-1][1]["code"] == "service_failed"
    else:
        assert (response.status_code, response.json()["code"]) == (502, "service_failed")
    assert ServiceRun.objects.get().status == "failed"
    assert_balance(user, 5)


def test_a_failure_says_what_was_charged_until_then(user, program, offered):
    fund(user, 5)
    offered(fails_midway, charge_partial=True)
    assert stream(program, Idempotency_Key="k")[1][1]["cost"] == "0.5"
    again = program.post(RUN, {}, **EVENTS, Idempotency_Key="k")
    assert (again.status_code, again.json()["code"], again.json()["cost"]) == (502, "service_failed", "0.5")
    assert_balance(user, "4.5")


def fails_at_once(context):
    raise LookupError
    yield


async def afails_at_once(context):
    raise LookupError
    yield


@pytest.mark.parametrize("work", [fails_at_once, afails_at_once], ids=["def", "async def"])
def test_what_goes_wrong_before_the_first_piece_has_a_status_of_its_own(user, program, offered, work):
    offered(work)
    statuses = [program.post(RUN, {"unknown": 1}, **EVENTS), program.post(RUN, {}, **EVENTS)]
    fund(user, 5)
    statuses.append(program.post(RUN, {}, **EVENTS))
    assert [(each.status_code, each.json()["code"]) for each in statuses] == [
        (422, "invalid_input"),
        (402, "insufficient_credits"),
        (502, "service_failed"),
    ]
    assert_balance(user, 5)


def test_a_stream_without_pieces_has_a_result(user, program, offered):
    fund(user, 5)
    offered(lambda context: iter([]))
    assert [kind for kind, _ in stream(program)] == ["result"]
    assert_balance(user, 3)


def test_the_key_brings_the_pieces_again_and_then_the_result(user, program, offered):
    fund(user, 5)
    offered(pieces)
    first = stream(program, Idempotency_Key="k")
    again = program.post(RUN, {}, **EVENTS, Idempotency_Key="k")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert told(again.getvalue()) == first
    assert program.post(RUN, {}, Idempotency_Key="k").json()["output"] == ["one\ntwo", {"three": 3}]
    assert ServiceRun.objects.count() == 1


def test_a_service_that_does_not_stream_gives_one_piece_and_the_result(user, program):
    fund(user, 5)
    events = stream(program, "services/count-words/run", {"text": "one two"})
    assert events[0] == ("message", {"words": 2})
    assert (events[1][0], events[1][1]["cost"]) == ("result", "2")


@pytest.mark.django_db(transaction=True)
def test_a_wsgi_server_that_closes_the_response_ends_the_run(user, program, offered):
    fund(user, 5)
    offered(pieces)
    response = program.post(RUN, {}, **EVENTS)
    next(iter(response.streaming_content))
    response.close()
    assert ServiceRun.objects.get().error_code == "disconnected"
    assert_balance(user, 3)


class Browser:
    """An ASGI server for one request, whose client leaves after so many events."""

    def __init__(self, plain, leaves_after):
        self.headers = [(b"authorization", f"Bearer {plain}".encode()), (b"accept", b"text/event-stream")]
        self.headers.append((b"content-type", b"application/json"))
        self.events, self.leaves_after = [], leaves_after
        self.has_left = asyncio.Event()
        self.incoming = [{"type": "http.request", "body": b"{}"}]

    async def receive(self):
        if self.incoming:
            return self.incoming.pop()
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.body" and message["body"]:
            self.events.append(message["body"])
        if len(self.events) == self.leaves_after:
            self.has_left.set()

    async def ask(self):
        path = f"/api/{RUN}"
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": self.headers}
        await asyncio.wait_for(ASGIHandler()(scope, self.receive, self.send), timeout=60)


async def waits_forever(context):
    yield "one"
    context.charge("0.5")
    yield "two"
    await asyncio.Event().wait()


@pytest.mark.django_db(transaction=True)
def test_under_asgi_who_leaves_while_the_service_works_pays_what_was_charged(user, offered):
    fund(user, 5)
    offered(waits_forever)
    plain = ApiKey.objects.issue(user, name="k")[1]

    async def ask():
        browser = Browser(plain, leaves_after=2)
        await browser.ask()
        return browser.events

    assert async_to_sync(ask)() == [b'data: "one"\n\n', b'data: "two"\n\n']
    assert ServiceRun.objects.get().error_code == "disconnected"
    assert_balance(user, "4.5")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("leaves_after", [0, 1])
@EITHER_WORK
def test_under_asgi_who_leaves_at_any_moment_pays_once(user, offered, work, leaves_after):
    fund(user, 5)
    offered(work)
    plain = ApiKey.objects.issue(user, name="k")[1]

    async def ask():
        browser = Browser(plain, leaves_after)
        if not leaves_after:
            browser.has_left.set()
        await browser.ask()

    async_to_sync(ask)()
    balance = ledger.balance(user)
    runs = list(ServiceRun.objects.all())
    assert (balance.held, sum(run.cost for run in runs)) == (0, 5 - balance.total)
    assert {run.status for run in runs} <= {"succeeded"}
