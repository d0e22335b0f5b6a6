"""Acceptance stories 10 to 13 over HTTP, with each of the servers that hosts use."""

import json
import os
import signal
from datetime import timedelta

import pytest
from django.db.models import Max

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance
from quickscale_services.models import ServiceRun
from quickscale_services.sweeping import sweep_runs
from tests.services.serving import EVENTS, ask, events

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

SUMMARY = "text-summary"


@pytest.fixture
def post(port, key):
    """`post("text-summary", {"text": "Cats sleep."})` gives the status and the answer."""

    def send(service, body, *, verb="run", **headers):
        status, _headers, answer = ask(port, "POST", f"/api/services/{service}/{verb}", body, **key, **headers)
        return status, answer

    return send


def test_10_a_failure_costs_nothing(user, port, begin, pipe):
    asked = begin(port, "waiting", pipe)
    with pipe.open("w") as told:
        told.write("fail\n")
    response = asked.answer()
    assert (response.status, json.load(response)["code"]) == (502, "service_failed")
    assert (ServiceRun.objects.get().status, ledger.balance(user).held) == ("failed", 0)
    assert_balance(user, 10)


def test_10_what_cannot_be_paid_or_understood_does_not_begin(user, post):
    assert (post(SUMMARY, {"text": ""})[0], ledger.balance(user).held) == (422, 0)
    ledger.spend(user, 7, reason="test")
    assert [post(SUMMARY, {"text": "Cats sleep."})[0] for _ in range(2)] == [200, 402]
    assert ServiceRun.objects.count() == 1
    assert_balance(user, 1)


def test_11_a_metered_service_charges_what_it_used(user, post):
    assert post("metered", {}, verb="estimate") == (200, {"cost": "10"})
    status, answer = post("metered", {})
    assert (status, answer["cost"], answer["balance"]) == (200, "3.25", "6.75")
    assert_balance(user, "6.75")


def test_12_the_same_key_executes_once(user, post):
    first, second = (post(SUMMARY, {"text": "Cats sleep."}, Idempotency_Key="k") for _ in range(2))
    assert first == second
    assert ServiceRun.objects.count() == 1
    assert_balance(user, 8)


def test_13_a_server_that_is_killed_has_charged_nothing_once_its_runs_are_swept(
    user, server, begin, pipe, tmp_path, time_machine
):
    """One run that was at work, and one whose pieces were on their way."""
    begin(server.port, "waiting", pipe)
    other = tmp_path / "other"
    os.mkfifo(other)
    streaming = next(events(begin(server.port, "telling", other, **EVENTS).answer()))[1]
    with pipe.open("w"), other.open("w"):  # which open as soon as the services read
        working = int((tmp_path / "pipe.pid").read_text())
        for process in {working, streaming}:
            os.kill(process, signal.SIGKILL)
        if server.process.pid in {working, streaming}:
            server.process.wait()
    runs = ServiceRun.objects.all()
    assert ([run.status for run in runs], ledger.balance(user).held) == (["running"] * 2, 4)
    time_machine.move_to(runs.aggregate(last=Max("deadline"))["last"] + timedelta(seconds=1))
    assert sweep_runs().runs_expired == 2
    assert [(run.status, run.error_code, run.cost) for run in runs.all()] == [("expired", "service_lost", 0)] * 2
    assert_balance(user, 10)
