"""While a stream is silent, comments are sent. Nobody sleeps here: a service is silent until one has come."""

import asyncio
import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import AsyncClient

from quickscale_credits.testing import assert_balance, fund
from quickscale_services.conf import conf
from quickscale_services.heartbeats import HEARTBEAT
from quickscale_services.models import ApiKey, ServiceRun

pytestmark = pytest.mark.once

EVENTS = {"Accept": "text/event-stream"}
RUN = "services/doing/run"


@pytest.fixture(autouse=True)
def often(settings):
    settings.QUICKSCALE_SERVICES = {"HEARTBEAT": timedelta(milliseconds=5)}


def silent_until(heard, fails=False):
    def work(context):
        yield "one"
        context.charge("0.5")
        assert heard.wait(60)
        if fails:
            raise LookupError
        yield ServiceRun.objects.get().status

    return work


def asilent_until(heard, fails=False):
    async def work(context):
        yield "one"
        context.charge("0.5")
        assert await asyncio.to_thread(heard.wait, 60)
        if fails:
            raise LookupError
        yield (await ServiceRun.objects.aget()).status

    return work


EITHER = pytest.mark.parametrize("work", [silent_until, asilent_until], ids=["def", "async def"])


def heard_by(parts, heard):
    """All that comes; the service goes on when the first heartbeat has."""
    told = []
    for part in parts:
        told.append(part)
        if part == HEARTBEAT:
            heard.set()
    return told


async def asked(plain):
    headers = EVENTS | {"Authorization": f"Bearer {plain}"}
    return await AsyncClient().post(f"/api/{RUN}", {}, "application/json", headers=headers)


def assert_beaten(told, *others):
    assert told[:2] == [b'data: "one"\n\n', HEARTBEAT]
    rest = [part for part in told[1:] if part != HEARTBEAT]
    assert len(rest) == len(others)
    assert all(part.startswith(other) for part, other in zip(rest, others, strict=True)), rest


@pytest.mark.django_db(transaction=True)
@EITHER
def test_a_silent_stream_beats_under_wsgi(user, program, offer, work):
    fund(user, 5)
    heard = threading.Event()
    offer(work(heard), stream=True)
    told = heard_by(program.post(RUN, {}, **EVENTS).streaming_content, heard)
    assert_beaten(told, b'data: "running"', b"event: result")
    assert_balance(user, "4.5")


@EITHER
def test_a_failure_after_a_heartbeat_is_an_event(user, program, offer, work):
    fund(user, 5)
    heard = threading.Event()
    offer(work(heard, fails=True), stream=True)
    assert_beaten(heard_by(program.post(RUN, {}, **EVENTS).streaming_content, heard), b"event: error")
    assert_balance(user, 5)


@pytest.mark.django_db(transaction=True)
@EITHER
def test_a_silent_stream_beats_under_asgi(user, offer, work):
    fund(user, 5)
    heard = threading.Event()
    offer(work(heard), stream=True)
    plain = ApiKey.objects.issue(user, name="k")[1]

    async def ask():
        told = []
        async for part in (await asked(plain)).streaming_content:
            told += heard_by([part], heard)
        return told

    assert_beaten(async_to_sync(ask)(), b'data: "running"', b"event: result")
    assert_balance(user, "4.5")


@pytest.mark.django_db(transaction=True)
@EITHER
def test_who_leaves_at_a_heartbeat_pays_what_was_charged_under_wsgi(user, program, offer, work):
    fund(user, 5)
    heard = threading.Event()
    offer(work(heard), stream=True)
    response = program.post(RUN, {}, **EVENTS)
    given = iter(response.streaming_content)
    assert [next(given) for _ in range(2)][1] == HEARTBEAT
    heard.set()  # a service of which a step is under way ends that step
    response.close()
    assert ServiceRun.objects.get().error_code == "disconnected"
    assert_balance(user, "4.5")


@pytest.mark.django_db(transaction=True)
def test_who_leaves_at_a_heartbeat_stops_what_waits_under_asgi(user, offer):
    async def work(context):
        yield "one"
        context.charge("0.5")
        await asyncio.Event().wait()

    fund(user, 5)
    offer(work, stream=True)
    plain = ApiKey.objects.issue(user, name="k")[1]

    async def ask():
        given = aiter((await asked(plain)).streaming_content)
        assert [await anext(given) for _ in range(2)][1] == HEARTBEAT
        await given.aclose()

    async_to_sync(ask)()
    assert ServiceRun.objects.get().error_code == "disconnected"
    assert_balance(user, "4.5")


def test_what_makes_the_pieces_has_the_connection_of_the_request_and_gives_it_back(user, program, offer):
    fund(user, 5)

    def work(context):
        yield connection.connection is ours
        yield connection.in_atomic_block

    ours = connection.connection
    offer(work, stream=True)
    response = program.post(RUN, {}, **EVENTS)
    assert b"".join(response.streaming_content).startswith(b"data: true\n\ndata: true\n\n")
    assert not connection.allow_thread_sharing


def test_no_thread_outlives_its_stream(user, program, offer):
    fund(user, 5)
    before = threading.active_count()
    offer(lambda context: iter(["one"]), stream=True)
    program.post(RUN, {}, **EVENTS).getvalue()
    offer(lambda context: 1 / 0, stream=True)
    assert program.post(RUN, {}, **EVENTS).status_code == 502
    assert threading.active_count() == before


@pytest.mark.parametrize("value", [timedelta(0), 15, None])
def test_it_is_a_time_above_zero(settings, value):
    settings.QUICKSCALE_SERVICES = {"HEARTBEAT": value}
    with pytest.raises(ImproperlyConfigured, match="HEARTBEAT"):
        _ = conf.HEARTBEAT
