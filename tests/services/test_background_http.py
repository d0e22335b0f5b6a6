"""`Prefer: respond-async` and `cancel`, over HTTP."""

import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import queueing, registry
from quickscale_services.models import ServiceRun

RUN = "services/count-words/run"
ASYNC = {"Prefer": "respond-async"}


def worked_off():
    for run in ServiceRun.objects.filter(status="queued"):
        queueing.execute(run.pk, run.attempts)


def test_a_run_that_is_not_waited_for_is_accepted_and_found_at_its_location(user, program):
    fund(user, 5)
    answer = program.post(RUN, {"text": "one two"}, **ASYNC)
    assert (answer.status_code, answer.json()["run"]["status"]) == (202, "queued")
    assert answer["Preference-Applied"] == "respond-async"
    location = answer["Location"].removeprefix("/api/")
    assert program.get(location).json()["output"] is None
    worked_off()
    found = program.get(location).json()
    assert (found["status"], found["output"], found["cost"], found["attempts"]) == ("succeeded", {"words": 2}, "2", 1)
    assert_balance(user, 3)


@pytest.mark.parametrize("prefer", ["respond-async", "return=minimal, Respond-Async ; x=1", "wait=5,respond-async"])
def test_the_preference_is_one_of_several(user, program, prefer):
    fund(user, 5)
    assert program.post(RUN, {"text": "one"}, Prefer=prefer).status_code == 202


@pytest.mark.parametrize("prefer", ["", "wait=10", "respond-asynchronously", "x=respond-async"])
def test_without_the_preference_the_result_is_waited_for(user, program, prefer):
    fund(user, 5)
    answer = program.post(RUN, {"text": "one"}, Prefer=prefer)
    assert (answer.status_code, answer.json()["output"]) == (200, {"words": 1})
    assert "Preference-Applied" not in answer


def test_the_same_key_is_told_of_the_same_run(user, program):
    fund(user, 5)
    first = program.post(RUN, {"text": "one"}, Idempotency_Key="k", **ASYNC)
    again = program.post(RUN, {"text": "one"}, Idempotency_Key="k", **ASYNC)
    assert (again.status_code, again["Location"], again["Idempotent-Replayed"]) == (202, first["Location"], "true")
    other = program.post(RUN, {"text": "two"}, Idempotency_Key="k", **ASYNC)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(("body", "status"), [({"text": ""}, 422), ({"text": "one"}, 402)])
def test_what_cannot_begin_is_refused_at_once(user, program, body, status):
    assert program.post(RUN, body, **ASYNC).status_code == status
    assert not ServiceRun.objects.exists()


def refuse(*arguments, **options):
    raise ConnectionError


@pytest.mark.django_db(transaction=True)
def test_a_queue_that_does_not_answer_is_a_503(user, program, settings):
    fund(user, 5)
    settings.QUICKSCALE_SERVICES = {"QUEUE": f"{__name__}.refuse"}
    answer = program.post(RUN, {"text": "one"}, **ASYNC)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert_balance(user, 5)


def test_a_queued_run_is_canceled(user, program):
    fund(user, 5)
    location = program.post(RUN, {"text": "one"}, **ASYNC)["Location"].removeprefix("/api/")
    assert program.post(f"{location}/cancel", {}).json()["status"] == "canceled"
    assert ledger.balance(user).held == 0


def test_a_run_that_has_ended_is_answered_as_it_is(user, program):
    fund(user, 5)
    run = registry["count-words"].run(user, text="one").run
    answer = program.post(f"runs/{run.pk}/cancel", {})
    assert (answer.status_code, answer.json()["status"], answer.json()["cost"]) == (200, "succeeded", "2")


def test_nobody_cancels_the_run_of_somebody_else(user, program_of, django_user_model):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    stranger = program_of(django_user_model.objects.create_user("stranger"))
    assert stranger.post(f"runs/{run.pk}/cancel", {}).status_code == 404
    assert program_of(user, "services:run:metered").post(f"runs/{run.pk}/cancel", {}).status_code == 404
    assert program_of(user, "credits:read").post(f"runs/{run.pk}/cancel", {}).status_code == 403
    run.refresh_from_db()
    assert run.status == "queued"


def test_a_session_needs_the_csrf_token_to_cancel(user, program):
    fund(user, 5)
    run = registry["count-words"].enqueue(user, text="one")
    program.client.force_login(user)
    assert program.client.post(f"/api/runs/{run.pk}/cancel").status_code == 403


@pytest.fixture
def no_queue(monkeypatch):
    """As on Django 5.2 without django-tasks."""
    monkeypatch.delattr("quickscale_services.background", raising=False)
    monkeypatch.setitem(sys.modules, "quickscale_services.background", None)


def test_without_a_queue_the_preference_is_left_aside(user, program, no_queue):
    fund(user, 5)
    answer = program.post(RUN, {"text": "one"}, **ASYNC)
    assert (answer.status_code, answer.json()["cost"], "Preference-Applied" in answer) == (200, "2", False)


def test_without_a_queue_enqueue_says_what_to_install(user, no_queue):
    fund(user, 5)
    with pytest.raises(ImproperlyConfigured, match=r"django-quickscale\[background\]"):
        registry["count-words"].enqueue(user, text="one")
