"""What happens to a run while a client or a server goes away: real servers, real connections, real kills."""

import http.client
import json
import os
import signal
from contextlib import suppress
from datetime import timedelta

import pytest

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.models import ApiKey, ServiceRun
from quickscale_services.sweeping import sweep_runs
from tests.services.serving import SERVERS, ask, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def port(server):
    return server.port


@pytest.fixture
def key(user):
    fund(user, 10)
    return {"Authorization": f"Bearer {ApiKey.objects.issue(user, name='k')[1]}"}


class Asked:
    """A request whose answer is read when the test wants it, if at all."""

    def __init__(self, port, service, pipe, headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body, kind = json.dumps({"pipe": str(pipe)}), {"Content-Type": "application/json"}
        self.connection.request("POST", f"/api/services/{service}/run", body, kind | headers)
        self.response = None

    def answer(self):
        self.response = self.connection.getresponse()
        return self.response

    def go_away(self):
        self.connection.close()
        if self.response is not None:
            self.response.close()


@pytest.fixture
def begin(key):
    """`begin(port, "waiting", pipe)` sends a request; no connection outlives the test."""
    asked = []

    def send(port, service, pipe, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked.append(Asked(port, service, pipe, key | named))
        return asked[-1]

    yield send
    for each in asked:
        each.go_away()


def events(response):
    """Event by event, as they come."""
    fields = {}
    for line in response:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        fields[name] = value
        if not name:
            yield fields.get("event", "message"), json.loads(fields["data"])
            fields = {}


def tell_until_it_ends(pipe):
    """A server may notice only by what it writes that nobody reads any more."""
    descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)  # opens without a reader, and outlives one
    try:
        while True:
            run = ServiceRun.objects.get()
            if run.has_ended:
                return run
            with suppress(BlockingIOError):  # the pipe is full: nobody reads it any more
                os.write(descriptor, b"more\n")
    finally:
        os.close(descriptor)


def answer_of(port, pipe, **headers):
    """What a client gets that asks again with its key until the first run has ended."""
    while True:
        status, given, answer = ask(port, "POST", "/api/services/waiting/run", {"pipe": str(pipe)}, **headers)
        if status != 409:
            return status, given, answer


def ended_run():
    while True:
        run = ServiceRun.objects.get()
        if run.has_ended:
            return run


def test_a_retry_while_the_first_still_runs_waits_and_gets_its_result(user, port, begin, key, pipe):
    first = begin(port, "waiting", pipe, Idempotency_Key="k")
    with pipe.open("w"):  # opens as soon as the service reads
        retry = ask(port, "POST", "/api/services/waiting/run", {"pipe": str(pipe)}, **key, Idempotency_Key="k")
    assert (retry[0], retry[2]["code"]) == (409, "run_in_progress")
    answer = json.load(first.answer())
    status, headers, again = answer_of(port, pipe, Idempotency_Key="k", **key)
    assert (status, headers["Idempotent-Replayed"], again["run"]["id"]) == (200, "true", answer["run"]["id"])
    assert_balance(user, 8)


def test_who_goes_away_during_a_run_gets_its_result_with_the_key(user, port, begin, key, pipe):
    first = begin(port, "waiting", pipe, Idempotency_Key="k")
    with pipe.open("w"):
        first.go_away()
    assert answer_of(port, pipe, Idempotency_Key="k", **key)[0] == 200
    assert ServiceRun.objects.count() == 1
    assert_balance(user, 8)


def test_a_run_that_fails_while_nobody_listens_costs_nothing(user, port, begin, pipe):
    first = begin(port, "waiting", pipe)
    with pipe.open("w") as told:
        first.go_away()
        told.write("fail\n")
    assert ended_run().status == "failed"
    assert_balance(user, 10)


@pytest.mark.parametrize("service", ["telling", "telling-later"])
def test_pieces_arrive_one_by_one(user, port, begin, pipe, service):
    given = events(begin(port, service, pipe, **EVENTS).answer())
    assert next(given)[0] == "message"
    with pipe.open("w", buffering=1) as told:
        for line in ("one\n", "two\n"):
            told.write(line)
            assert next(given) == ("message", line)
    kind, result = next(given)
    assert (kind, result["cost"], result["balance"]) == ("result", "0.5", "9.5")


@pytest.mark.parametrize("service", ["telling", "telling-later"])
def test_who_goes_away_during_a_stream_pays_what_was_charged(user, port, begin, pipe, service):
    asked = begin(port, service, pipe, **EVENTS)
    next(events(asked.answer()))
    asked.go_away()
    run = tell_until_it_ends(pipe)
    assert (run.status, run.error_code) == ("succeeded", "disconnected")
    assert_balance(user, "9.5")


def test_a_stream_that_fails_midway_ends_with_the_problem_and_costs_nothing(user, port, begin, pipe):
    given = events(begin(port, "telling", pipe, **EVENTS).answer())
    next(given)
    with pipe.open("w") as told:
        told.write("fail\n")
    kind, problem = next(given)
    assert (kind, problem["code"], list(given)) == ("error", "service_failed", [])
    assert_balance(user, 10)


def test_the_stories_of_failure_shortage_and_repetition_hold(user, port, key):
    def count(text, **headers):
        return ask(port, "POST", "/api/services/text-summary/run", {"text": text}, **key | headers)

    assert (count("")[0], ledger.balance(user).held) == (422, 0)
    first, second = (count("Cats sleep.", Idempotency_Key="k")[2] for _ in range(2))
    assert first == second
    ledger.spend(user, 7, reason="test")
    assert count("Dogs bark.")[0] == 402
    assert ServiceRun.objects.count() == 1
    assert_balance(user, 1)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_killed_during_runs_has_charged_nothing_once_they_are_swept(
    user, name, begin, pipe, tmp_path, time_machine
):
    with serving(name, tmp_path / "log") as server:
        process = next(events(begin(server.port, "telling", pipe, **EVENTS).answer()))[1]
        with pipe.open("w"):
            os.kill(process, signal.SIGKILL)
    run = ServiceRun.objects.get()
    assert (run.status, ledger.balance(user).held) == ("running", 2)
    time_machine.move_to(run.deadline + timedelta(seconds=1))
    assert sweep_runs().runs_expired == 1
    assert_balance(user, 10)
