from datetime import date, timedelta
from typing import Annotated, Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError
from pydantic import BaseModel, Field, PlainSerializer, PlainValidator, SecretStr, WithJsonSchema

from quickscale_credits.exceptions import IdempotencyConflict
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import admitting, registry
from quickscale_services.exceptions import RunInProgress, ServiceFailed
from quickscale_services.files import Upload
from quickscale_services.models import Service, ServiceRun
from tests.services.samples import Counted, CountWords, doing


class Files(BaseModel):
    file: Upload


class Place:
    """A host's own kind of value, which pydantic knows by its field alone."""

    def __init__(self, name):
        self.name = name


class Placed(BaseModel):
    place: Annotated[
        Place,
        PlainValidator(Place),
        PlainSerializer(lambda place: place.name, when_used="json"),
        WithJsonSchema({"type": "string"}),
    ]


class Kinds(BaseModel):
    days: dict[date, int] = {}
    tags: set[int | str] = set()
    secret: SecretStr = SecretStr("")
    anything: Any = None


@pytest.fixture
def service():
    return registry["count-words"]


def test_the_same_key_and_input_answer_the_first_run_again(user, service):
    fund(user, 5)
    first, second = (service.run(user, text="one two", idempotency_key="k") for _ in range(2))
    assert second == first
    assert second.output == Counted(words=2)
    assert CountWords.executed == ["one two"]
    assert_balance(user, 3)


def test_a_replay_needs_neither_credits_nor_a_service_that_is_on(user, service):
    fund(user, 2)
    first = service.run(user, text="one", idempotency_key="k")
    Service.objects.update_or_create(name="count-words", defaults={"is_active": False, "cost_override": 9})
    assert service.run(user, text="one", idempotency_key="k") == first


def test_the_same_key_with_other_input_is_a_conflict(user, service):
    fund(user, 9)
    service.run(user, text="one", idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        service.run(user, text="two", idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        registry["free-words"].run(user, text="one", idempotency_key="k")
    assert_balance(user, 7)


def test_what_is_left_to_a_default_is_the_same_request_as_long_as_nobody_says_it(user, service):
    fund(user, 9)
    service.run(user, text="one", idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        service.run(user, text="one", shout=False, idempotency_key="k")


def test_keys_belong_to_an_account(user, service, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    for owner in (user, eve):
        fund(owner, 5)
        service.run(owner, text="one", idempotency_key="k")
    assert_balance(user, 3)
    assert_balance(eve, 3)


def test_an_empty_key_is_none(user, service):
    fund(user, 5)
    for _ in range(2):
        service.run(user, text="one", idempotency_key="")
    assert_balance(user, 1)


@pytest.mark.parametrize("key", ["qs:mine", "x" * 256, "a\x00b"])
def test_a_key_that_cannot_be_kept_is_refused(user, service, key):
    fund(user, 5)
    with pytest.raises(ValueError, match="key"):
        service.run(user, text="one", idempotency_key=key)
    assert CountWords.executed == []


def test_files_are_the_same_input_if_their_content_is(user):
    fund(user, 9)
    service = doing(lambda context: "done", Input=Files)
    for content in (b"same", b"same"):
        service.run(user, file=Upload.of(content, "a.txt"), idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        service.run(user, file=Upload.of(b"other", "a.txt"), idempotency_key="k")
    assert_balance(user, 7)


def test_a_failed_run_frees_its_key(user):
    fund(user, 5)
    moods = iter([True, False])
    service = doing(lambda context: 1 / 0 if next(moods) else "done")
    with pytest.raises(ServiceFailed):
        service.run(user, idempotency_key="k")
    assert service.run(user, idempotency_key="k").output == "done"
    assert_balance(user, 3)


def test_while_the_first_run_is_under_way_its_key_is_in_use(user):
    fund(user, 2)
    refused = []

    def work(context):
        with pytest.raises(RunInProgress) as caught:
            service.run(user, idempotency_key="k")
        refused.append(caught.value)

    service = doing(work)
    service.run(user, idempotency_key="k")
    assert len(refused) == 1
    assert_balance(user, 0)


def test_the_output_is_kept_for_a_replay_and_then_blanked(user, service, clock):
    fund(user, 5)
    first = service.run(user, text="one", idempotency_key="k")
    clock.shift(timedelta(hours=23))
    call_command("sweep_runs")
    assert service.run(user, text="one", idempotency_key="k").output == first.output
    clock.shift(timedelta(hours=1))
    call_command("sweep_runs")
    blanked = service.run(user, text="one", idempotency_key="k")
    assert (blanked.output, blanked.cost, blanked.run) == (None, 2, first.run)
    assert_balance(user, 3)


@pytest.mark.parametrize(
    "given", [{"days": {"2026-01-02": 2, "2026-01-01": 1}}, {"tags": [2, "b", 1]}, {"anything": {"b": [], "a": {}}}]
)
def test_any_input_may_be_repeated(user, given):
    fund(user, 2)
    service = doing(lambda context: "done", Input=Kinds)
    first, second = (service.run(user, idempotency_key="k", **given) for _ in range(2))
    assert second == first


@pytest.mark.parametrize(
    ("given", "other"),
    [
        ({"secret": "one"}, {"secret": "two"}),
        ({"anything": {"a": 1}}, {"anything": [["a", 1]]}),
        ({"anything": {"1": 1}}, {"anything": {1: 1}}),
    ],
)
def test_inputs_that_look_alike_are_told_apart(user, given, other):
    fund(user, 4)
    service = doing(lambda context: "done", Input=Kinds)
    service.run(user, idempotency_key="k", **given)
    with pytest.raises(IdempotencyConflict):
        service.run(user, idempotency_key="k", **other)


def test_an_input_with_an_object_of_the_hosts_own_may_be_repeated(user):
    fund(user, 4)
    service = doing(lambda context: "done", Input=Placed)
    first, second = (service.run(user, idempotency_key="k", place="Ulm") for _ in range(2))
    assert second == first
    with pytest.raises(IdempotencyConflict):
        service.run(user, idempotency_key="k", place="Bonn")


def test_an_output_with_aliases_is_replayed(user):
    class Aliased(BaseModel):
        kind: str = Field(alias="class")
        size: int = Field(validation_alias="given_as")

    fund(user, 2)
    service = doing(lambda context: {"class": "a", "given_as": 1}, Output=Aliased)
    first, second = (service.run(user, idempotency_key="k") for _ in range(2))
    assert first.output == second.output == Aliased(**{"class": "a", "given_as": 1})


def test_what_a_service_keeps_is_not_blanked(user, clock):
    fund(user, 5)
    service = doing(lambda context: "done", keep_payloads=True)
    run = service.run(user, idempotency_key="k").run
    clock.shift(timedelta(days=30))
    call_command("sweep_runs")
    run.refresh_from_db()
    assert run.output == "done"


def test_an_output_that_fits_no_more_is_replayed_as_none(user):
    fund(user, 5)
    doing(lambda context: "text").run(user, idempotency_key="k")
    changed = doing(lambda context: {"words": 1}, Output=Counted)
    assert changed.run(user, idempotency_key="k").output is None
    assert ServiceRun.objects.count() == 1


def test_who_loses_three_races_for_a_key_is_asked_to_come_again(user):
    def lose():
        tries.append(1)
        raise IntegrityError

    tries = []
    request = admitting.prepare(doing(lambda context: 1), user, {}, idempotency_key="k")
    with pytest.raises(RunInProgress, match="try again later"):
        admitting.record_once(request, lose, lambda request: None)
    assert len(tries) == 3
    assert admitting.record_once(request, lose, lambda request: "the first") == "the first"


def test_without_a_key_there_is_no_race_to_lose(user):
    def fail():
        raise IntegrityError("something else")

    request = admitting.prepare(doing(lambda context: 1), user, {})
    with pytest.raises(IntegrityError, match="something else"):
        admitting.record_once(request, fail, lambda request: "the first")
