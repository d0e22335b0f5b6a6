from datetime import timedelta
from threading import Condition as Lock

import django
import pytest
from django.core.checks import run_checks
from pydantic import AliasChoices, BaseModel, Field
from typing_extensions import TypeAliasType

from quickscale_services.checks import check_queue, check_service, check_settings, check_workers
from quickscale_services.files import Upload
from quickscale_services.testing import register_temporarily
from tests.services.samples import CountWords, Doing, doing

pytestmark = pytest.mark.once


def problems(**attributes):
    return [message.id.removeprefix("quickscale_services.") for message in check_service(doing(None, **attributes))]


def test_a_sound_service_has_no_problems():
    assert list(check_service(CountWords())) == []
    assert [message for message in run_checks(databases=[]) if message.id.startswith("quickscale_services")] == []


@pytest.mark.parametrize("name", ["", "Upper", "two words", "a/b", "über", "9lives", "x" * 65, None, "runs"])
def test_a_name_must_be_a_slug(name):
    assert problems(name=name) == ["E003"]


@pytest.mark.parametrize("cost", [1.5, True, -1, "1,5", "0.0000001", None, "NaN"])
def test_a_cost_must_be_an_amount(cost):
    assert problems(cost=cost) == ["E004"]


def test_a_cost_is_no_matter_where_get_cost_is_written():
    assert problems(cost=1.5, get_cost=lambda self, data: 1) == []


@pytest.mark.parametrize("timeout", [0, -1, None, "60", timedelta(0), float("nan"), float("inf")])
def test_a_timeout_must_be_a_time(timeout):
    assert problems(timeout=timeout) == ["E005"]


def test_a_service_must_have_something_to_execute():
    missing = type("Missing", (Doing,), {"execute": Doing.__mro__[1].execute})()
    assert [message.id for message in check_service(missing)] == ["quickscale_services.E006"]


def test_input_and_output_must_be_models():
    assert problems(Input=dict) == ["E007"]
    assert problems(Output=dict) == ["E007"]


@pytest.mark.parametrize("field", ["owner", "actor", "idempotency_key"])
def test_the_input_may_not_take_the_names_that_run_takes(field):
    by_name = type("Input", (BaseModel,), {"__annotations__": {field: str}})
    assert problems(Input=by_name) == ["E008"]
    for taken in (Field(alias=field), Field(validation_alias=field), Field(validation_alias=AliasChoices("o", field))):
        by_alias = type("Input", (BaseModel,), {"__annotations__": {"other": str}, "other": taken})
        assert problems(Input=by_alias) == ["E008"]


def test_what_json_cannot_say_is_no_input():
    class Odd(BaseModel):
        model_config = {"arbitrary_types_allowed": True}
        lock: Lock

    assert problems(Input=Odd) == ["E009"]


class Page(BaseModel):
    scan: Upload | None = None


class Shelf(BaseModel):
    scan: Upload | None = None
    beside: "Shelf | None" = None


Alias = TypeAliasType("Alias", Upload)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Upload, []),
        (Upload | None, []),
        (list[Upload] | None, []),
        (Page, ["W003"]),
        (list[Page], ["W003"]),
        (dict[str, Upload], ["W003"]),
        (list[list[Upload]], ["W003"]),
        (Alias, []),
        (list[Alias], []),
        (dict[str, Alias], ["W003"]),
        (Shelf | None, ["W003"]),
    ],
)
def test_a_file_deep_in_the_input_is_a_warning_as_nobody_can_send_it(field, expected):
    given = type("Input", (BaseModel,), {"__annotations__": {"cover": Upload, "pages": field}})
    assert problems(Input=given) == expected


def test_a_file_in_an_input_that_holds_itself_is_a_warning():
    assert problems(Input=Shelf) == ["W003"]


def test_a_misspelled_setting_is_a_warning_that_suggests_the_right_one(settings):
    settings.QUICKSCALE_SERVICES = {"REPLAY_WINDWO": timedelta(hours=1)}
    (warning,) = check_settings()
    assert warning.id == "quickscale_services.W001"
    assert "REPLAY_WINDOW" in warning.hint


def test_a_setting_that_cannot_be_used_is_an_error(settings):
    settings.QUICKSCALE_SERVICES = {"REPLAY_WINDOW": 24, "AUTODISCOVER_MODULE": "no module"}
    assert [message.id for message in check_settings()] == ["quickscale_services.E002"] * 2


@pytest.mark.parametrize("limit", ["60", "0/minute", "60/fortnight", 60, ""])
def test_a_rate_that_reads_otherwise_is_an_error(settings, limit):
    settings.QUICKSCALE_SERVICES = {"RATE_LIMIT": limit}
    assert [message.id for message in check_settings()] == ["quickscale_services.E002"]


@pytest.mark.parametrize("most", [0, -1, "10", True, 1.5])
def test_a_number_of_runs_at_once_that_is_none_is_an_error(settings, most):
    settings.QUICKSCALE_SERVICES = {"MAX_CONCURRENT_RUNS": most}
    assert [message.id for message in check_settings()] == ["quickscale_services.E002"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"retries": -1},
        {"retries": "3"},
        {"retry_on": OSError},
        {"retry_on": ("OSError",)},
        {"retry_delay": -1},
        {"queue_timeout": 0},
        {"queue_timeout": None},
        {"retries": 40},
    ],
)
def test_a_run_must_be_able_to_wait_and_be_tried_again(wrong):
    assert problems(**wrong) == ["E012"]


def queue_problems():
    return [message.id.removeprefix("quickscale_services.") for message in [*check_queue(), *check_workers()]]


@pytest.mark.parametrize("queue", ["nowhere", "nowhere.enqueue"])
def test_a_queue_must_exist(settings, queue):
    assert queue_problems() == []
    settings.QUICKSCALE_SERVICES = {"QUEUE": queue}
    assert queue_problems() == ["E013"]


def test_the_queue_of_a_service_must_exist_where_runs_are_queued(settings):
    settings.QUICKSCALE_SERVICES = {"QUEUE": "default"}
    for queue, expected in {"slow": [], "slwo": ["E013"]}.items():
        with register_temporarily(type("Queued", (CountWords,), {"name": "queued", "queue": queue})):
            assert queue_problems() == expected


def test_a_service_for_the_background_needs_workers_where_it_is_deployed(settings):
    tasks = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
    settings.TASKS = {"default": {"BACKEND": f"{tasks}.backends.immediate.ImmediateBackend"}}
    with register_temporarily(type("Queued", (CountWords,), {"name": "queued", "in_background": True})):
        assert queue_problems() == ["W002"]
