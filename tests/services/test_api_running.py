import threading
from datetime import date
from typing import Annotated, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from pydantic import BaseModel, Field

from quickscale_credits import ledger
from quickscale_credits.models import SpendingLimit
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import BaseService
from quickscale_services.exceptions import InvalidInput, ServiceFailed
from quickscale_services.files import Accept, Upload
from quickscale_services.models import ApiKey, Service, ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.samples import CountWords, doing, streaming_service

RUN = "services/count-words/run"


class Sized(BaseService):
    name = "sized"
    cost = 1

    class Input(BaseModel):
        file: Annotated[Upload, Accept("text/plain", max_size=100)]
        times: int = 1
        tags: list[str] = []
        options: dict[str, bool] = {}

    def execute(self, data: Any, context: Any) -> Any:
        return {"bytes": data.file.size * data.times, "tags": data.tags, "options": data.options}


class Named(BaseModel):
    kind: str = Field(alias="class")


class Dated(BaseModel, strict=True):
    day: date


class DatedField(BaseModel):
    day: date = Field(strict=True)


def offered(service: BaseService) -> Any:
    return register_temporarily(type(service))


def test_a_run_answers_with_its_record_output_cost_and_balance(user, program):
    fund(user, 100)
    response = program.post(RUN, {"text": "one two"})
    run = ServiceRun.objects.get()
    assert response.status_code == 200
    assert response.json()["output"] == {"words": 2}
    assert (response.json()["cost"], response.json()["balance"]) == ("2", "98")
    assert (response.json()["run"]["id"], response.json()["run"]["status"]) == (str(run.pk), "succeeded")
    assert_balance(user, 98)


def test_the_run_of_a_key_names_the_key_and_its_user(user, program):
    fund(user, 100)
    program.post(RUN, {"text": "one"})
    run = ServiceRun.objects.get()
    assert run.api_key == ApiKey.objects.get()
    assert run.actor == str(user.pk)
    assert run.entry.actor == str(user.pk)


def test_an_estimate_says_the_most_and_charges_nothing(user, program):
    fund(user, 100)
    response = program.post("services/priced-by-length/estimate", {"text": "12345"})
    assert response.json() == {"cost": "0.5"}
    assert not ServiceRun.objects.exists()
    assert_balance(user, 100)


def test_the_same_key_twice_executes_once_and_answers_alike(user, program):
    fund(user, 100)
    first, second = (program.post(RUN, {"text": "one"}, Idempotency_Key="k") for _ in range(2))
    assert second.json() == first.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert CountWords.executed == ["one"]
    assert_balance(user, 98)


@pytest.mark.parametrize("streamed", [False, True])
def test_an_output_has_the_names_that_the_document_says(user, program, streamed):
    fund(user, 4)
    told = {"class": "a"}
    service = streaming_service(lambda context: iter([told])) if streamed else doing(lambda context: told)
    type(service).Output = Named
    with offered(service):
        first, second = (program.post("services/doing/run", {}, Idempotency_Key="k").json() for _ in range(2))
    assert first["output"] == second["output"] == ([told] if streamed else told)


def test_the_same_key_for_another_request_is_a_conflict(user, program):
    fund(user, 100)
    program.post(RUN, {"text": "one"}, Idempotency_Key="k")
    response = program.post(RUN, {"text": "two"}, Idempotency_Key="k")
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_conflict")
    assert_balance(user, 98)


@pytest.mark.parametrize("key", ["qs:mine", "x" * 256])
def test_a_key_that_cannot_be_kept_is_invalid_input(user, program, key):
    fund(user, 100)
    response = program.post(RUN, {"text": "one"}, Idempotency_Key=key)
    assert response.status_code == 422
    assert response.json()["errors"][0]["loc"] == ["header", "Idempotency-Key"]
    assert_balance(user, 100)


def test_while_the_first_run_is_under_way_its_key_is_in_use(user, program):
    fund(user, 100)
    inner = []

    def work(context):
        inner.append(program.post("services/doing/run", {}, Idempotency_Key="k"))

    with offered(doing(work)):
        program.post("services/doing/run", {}, Idempotency_Key="k")
    assert (inner[0].status_code, inner[0].json()["code"]) == (409, "run_in_progress")
    assert_balance(user, 98)


def test_a_service_that_raises_charges_nothing_and_tells_nothing_of_it(user, program):
    fund(user, 100)
    with offered(doing(lambda context: 1 / 0)):
        response = program.post("services/doing/run", {})
    run = ServiceRun.objects.get()
    assert (response.status_code, response.json()["code"]) == (502, "service_failed")
    assert response.json()["run_id"] == str(run.pk)
    assert b"division" not in response.content
    assert run.status == "failed"
    assert_balance(user, 100)


def test_invalid_input_names_its_fields_and_holds_nothing(user, program):
    fund(user, 100)
    response = program.post(RUN, {"text": "", "color": "red"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
    assert {error["loc"][0] for error in response.json()["errors"]} == {"text", "color"}
    assert not ServiceRun.objects.exists()
    assert_balance(user, 100)


@pytest.mark.parametrize("given", [Dated, DatedField])
def test_a_strict_input_takes_what_json_says(user, program, given):
    fund(user, 2)
    with offered(doing(lambda context: "done", Input=given)):
        assert program.post("services/doing/run", {"day": "2026-11-30"}).status_code == 200
        assert program.post("services/doing/run", {"day": 7}).json()["errors"][0]["loc"] == ["day"]


def test_owner_actor_and_price_never_come_from_the_body(user, program, django_user_model):
    fund(user, 100)
    other = django_user_model.objects.create_user("eve")
    for name in ("owner", "actor", "idempotency_key", "cost", "api_key"):
        response = program.post(RUN, {"text": "one", name: other.pk})
        assert response.json()["errors"][0]["loc"] == [name]
    assert_balance(user, 100)


def test_too_few_credits_are_counted_before_anything_is_executed(user, program):
    fund(user, "0.5")
    response = program.post(RUN, {"text": "one"})
    assert response.status_code == 402
    assert {"code": "insufficient_credits", "required": "2", "available": "0.5"}.items() <= response.json().items()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert CountWords.executed == []


@pytest.mark.django_db(transaction=True)
def test_of_two_calls_with_credits_for_one_the_second_is_refused_before_it_executes(user, program_of):
    fund(user, 2)
    executed, programs, barrier = [], [program_of(user) for _ in range(2)], threading.Barrier(2)
    answers = []

    def call(program):
        barrier.wait()
        answers.append(program.post("services/doing/run", {}).status_code)
        connection.close()

    with offered(doing(lambda context: executed.append(None))):
        threads = [threading.Thread(target=call, args=[program]) for program in programs]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert (sorted(answers), len(executed)) == ([200, 402], 1)
    assert_balance(user, 0)


def test_a_metered_service_charges_what_it_took_and_frees_the_rest_at_once(user, program):
    fund(user, 10)
    response = program.post("services/metered/run", {"charges": ["3.25"]})
    assert (response.json()["cost"], response.json()["balance"]) == ("3.25", "6.75")
    assert ledger.balance(user).held == 0


def test_a_free_service_needs_no_credits(user, program):
    response = program.post("services/free-words/run", {"text": "one"})
    assert (response.json()["cost"], response.json()["balance"]) == ("0", "0")
    assert ServiceRun.objects.get().entry is None


def test_each_refusal_and_failure_has_its_status_and_code(user, program):
    fund(user, 50)

    def overloaded(context):
        raise ServiceFailed("The provider is down.")

    def picky(context):
        raise InvalidInput.on("text", "This is not English.")

    services = {
        (502, "service_failed"): doing(overloaded, name="overloaded"),
        (422, "invalid_input"): doing(picky, name="picky"),
        (403, "service_forbidden"): doing(lambda context: 1, name="forbidden", allows=lambda self, owner, actor: False),
        (504, "service_timeout"): doing(lambda context: 1, name="late", timeout=-1),
        (503, "service_disabled"): doing(lambda context: 1, name="off"),
    }
    Service.objects.create(name="off", is_active=False)
    with register_temporarily(*map(type, services.values())):
        answers = {name: program.post(f"services/{service.name}/run", {}) for name, service in services.items()}
    assert [(each.status_code, each.json()["code"]) for each in answers.values()] == list(answers)
    assert answers[502, "service_failed"].json()["detail"] == "The provider is down."
    assert_balance(user, 50)


def test_a_spending_limit_of_the_keys_user_holds_for_the_key(user, program):
    fund(user, 50)
    SpendingLimit.objects.create(account=user.credit_account, member=user, amount=3, period="day")
    assert program.post(RUN, {"text": "one"}).status_code == 200
    refused = program.post(RUN, {"text": "two"})
    assert (refused.status_code, refused.json()["code"]) == (403, "spending_limit_exceeded")
    assert_balance(user, 48)


def test_a_service_with_a_file_takes_a_form(user, program):
    fund(user, 5)
    file = SimpleUploadedFile("a.txt", b"hello", "text/plain")
    with register_temporarily(Sized):
        form = {"file": file, "times": "3", "tags": ["a"], "options": '{"loud": true}'}
        response = program.upload("services/sized/run", form)
    assert response.json()["output"] == {"bytes": 15, "tags": ["a"], "options": {"loud": True}}
    assert_balance(user, 4)


def test_a_form_that_does_not_fit_is_refused(user, program):
    fund(user, 5)
    wrong = [
        {"times": "3"},
        {"file": SimpleUploadedFile("a.txt", b"hello", "text/plain"), "times": ["1", "2"]},
        {"file": SimpleUploadedFile("a.txt", b"hello", "text/plain"), "more": "x"},
        {"file": SimpleUploadedFile("a.txt", b"x" * 101, "text/plain")},
        {"file": "text"},
    ]
    with register_temporarily(Sized):
        assert [program.upload("services/sized/run", form).status_code for form in wrong] == [422] * 5
    assert_balance(user, 5)


def test_a_form_far_beyond_its_files_is_refused_before_it_is_read(user, program, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    big = SimpleUploadedFile("a.txt", b"x" * 2_000_000, "text/plain")
    with register_temporarily(Sized):
        response = program.upload("services/sized/run", {"file": big})
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")


def test_a_session_runs_services_with_the_csrf_token(client, user):
    fund(user, 5)
    client.force_login(user)
    response = client.post(f"/api/{RUN}", {"text": "one"}, content_type="application/json")
    assert response.json()["balance"] == "3"
    assert ServiceRun.objects.get().actor == str(user.pk)
    assert ServiceRun.objects.get().api_key is None


@pytest.mark.django_db(transaction=True)
def test_a_run_commits_its_hold_under_atomic_requests(user, program, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    fund(user, 5)
    assert program.post(RUN, {"text": "one"}).status_code == 200
    assert_balance(user, 3)
