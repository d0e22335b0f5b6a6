"""What happens to a run while a client or a server goes away: real servers, real connections, real kills."""

import json
import os
from contextlib import suppress

import pytest

from quickscale_credits.testing import assert_balance
from quickscale_services.models import ServiceRun
from tests.services.serving import EVENTS, ask, events

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


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
