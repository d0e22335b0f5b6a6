import json
from decimal import Decimal
from enum import Enum
from io import StringIO
from typing import Annotated, Literal
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from pydantic import AnyUrl, BaseModel, Field, field_validator

from quickscale_credits.models import CreditAccount, LedgerEntry
from quickscale_services import BaseService, discovery, registry
from quickscale_services.example_input import example_of
from quickscale_services.files import Accept, Upload
from quickscale_services.models import Service, ServiceRun
from quickscale_services.switches import make_after_migrate
from quickscale_services.testing import register_temporarily
from quickscale_services.validating import validate


class Color(Enum):
    RED = "red"


class Place(BaseModel):
    city: str = Field(min_length=3, max_length=4)
    zip: str = Field(pattern=r"\d{5}", examples=["01234"])


class Everything(BaseModel):
    place: Place
    places: list[Place] = Field(min_length=2)
    pair: tuple[int, str]
    number: int = Field(ge=10, multiple_of=7)
    below: int = Field(lt=-3)
    share: float = Field(gt=0, lt=1)
    amount: Decimal
    color: Color
    size: Literal["small", "large"]
    when: dict[str, int]
    id: UUID
    page: AnyUrl
    either: int | None
    union: Place | str
    csv: Annotated[Upload, Accept("text/csv", ".csv")]
    picture: Annotated[Upload, Accept("image/jpeg")]
    anything: Upload
    long: str = Field(min_length=200)
    flag: bool
    chosen: str = Field(default="ours", examples=["theirs"])
    left_out: str = "ours"


class Sound(BaseService):
    """A service without a fault; the tests give it one each."""

    name = "sound"
    title = "Sound"
    description = "Does what it says."
    cost = 2

    class Input(BaseModel):
        text: str = Field(min_length=1, examples=["An example"])

    def execute(self, data, context):
        return {"text": data.text, "user": str(context.owner)}


def faulty(**attributes):
    return type("Faulty", (Sound,), attributes)()


def raising(error):
    def execute(self, data, context):
        raise error

    return execute


def problem(**attributes):
    [found] = validate(faulty(**attributes)).problems
    return found


def rows():
    return [model.objects.count() for model in (get_user_model(), CreditAccount, LedgerEntry, ServiceRun)]


@pytest.mark.once
def test_an_example_fits_whatever_the_schema_asks_for():
    example = example_of(Everything)
    assert "left_out" not in example
    read = Everything.model_validate(example)
    assert (read.place.zip, read.number, read.chosen, len(read.places)) == ("01234", 14, "theirs", 2)
    assert read.picture.read().startswith(b"\xff\xd8\xff")


@pytest.mark.once
def test_an_example_of_the_whole_input_comes_first():
    class Input(BaseModel):
        model_config = {"json_schema_extra": {"examples": [{"a": 3, "b": 4}]}}
        a: int = Field(examples=[1])
        b: int = 0

    assert example_of(Input) == {"a": 3, "b": 4}


def test_a_sound_service_has_no_problem_and_its_run_leaves_nothing(db):
    before = rows()
    found = validate(Sound())
    assert (found.problems, found.price) == ([], 2)
    assert rows() == before


@pytest.mark.django_db(transaction=True)
def test_what_the_service_itself_wrote_is_rolled_back():
    def execute(self, data, context):
        get_user_model().objects.create_user("left-behind")

    assert validate(faulty(execute=execute)).problems == []
    assert rows() == [0, 0, 0, 0]


def test_what_an_administrator_has_set_does_not_matter(db):
    row = Service.objects.create(name="sound", is_active=False, cost_override=7)
    assert validate(Sound()).price == 2
    row.refresh_from_db()
    assert (row.is_active, row.cost_override) == (False, 7)


def test_a_service_that_not_everybody_may_run_is_sound(db):
    assert validate(faulty(allows=lambda self, owner, actor: False)).problems == []


def test_every_service_that_comes_with_us_is_sound(db):
    examples = [service for service in registry.values() if "examples" in type(service).__module__]
    assert len(examples) >= 4
    assert {service.name: found for service in examples if (found := validate(service).problems)} == {}


def test_what_is_wrong_with_the_class_is_found_by_the_system_checks(db):
    assert problem(name="Not A Slug").startswith("The service tests.services.test_validating.Faulty cannot run")
    assert "give the field another name" in problem(Input=type("I", (BaseModel,), {"__annotations__": {"owner": str}}))


@pytest.mark.parametrize("part", ["title", "description"])
def test_a_service_must_say_what_it_is(db, part):
    assert f'Write {part} = "' in problem(**{part: ""})


def test_a_price_that_cannot_be_told_is_a_problem(db):
    found = problem(get_cost=lambda self, data: -1)
    assert "InvalidAmount: get_cost must say 0 or more, not -1" in found
    assert found.endswith("get_cost must give 0 or more for any input.")


def test_a_run_that_fails_is_told_with_its_cause_and_place(db):
    found = problem(execute=raising(ZeroDivisionError("no\nparts")))
    assert "A run on an example failed: ZeroDivisionError: no parts (" in found
    assert "test_validating.py, line " in found


def test_an_output_that_does_not_fit_is_a_problem(db):
    class Output(BaseModel):
        words: int

    assert "ValidationError" in problem(Output=Output)
    assert "PydanticSerializationError" in problem(execute=lambda self, data, context: object())


def test_a_charge_above_the_price_is_a_problem(db):
    assert "CaptureExceedsHold" in problem(execute=lambda self, data, context: context.charge(3))


def test_an_example_that_cannot_be_made_asks_for_better_ones(db):
    class Input(BaseModel):
        code: str

        @field_validator("code")
        @classmethod
        def known(cls, code):
            raise ValueError("This code is unknown.")

    found = problem(Input=Input)
    assert "This code is unknown." in found
    assert "Field(examples=[…])" in found


class Node(BaseModel):
    kids: list["Node"]


class Tree(BaseModel):
    root: Node


def test_an_input_that_holds_itself_without_end_asks_for_an_example(db):
    found = problem(Input=Tree)
    assert "RecursionError" in found
    assert "Field(examples=[…])" in found


def test_without_a_run_nothing_is_executed(db):
    service = faulty(execute=raising(AssertionError("executed")))
    assert validate(service, with_run=False).problems == []


def say(*arguments, **options):
    said = StringIO()
    call_command(*arguments, stdout=said, **options)
    return said.getvalue()


def test_the_command_says_a_line_for_each_service(db):
    with register_temporarily(Sound):
        assert say("validate_service", "sound") == "sound: sound; the example costs 2 credits.\n"


def test_the_command_says_a_line_for_each_problem_and_fails(db, capsys):
    said = StringIO()
    with (
        register_temporarily(type("Faulty", (Sound,), {"title": "", "execute": raising(KeyError("x"))})),
        pytest.raises(CommandError, match="2 problems") as failed,
    ):
        call_command("validate_service", "sound", stdout=said)
    assert failed.value.returncode == 1
    assert [line.partition(":")[0] for line in said.getvalue().splitlines()] == ["sound", "sound"]
    assert "Traceback" not in capsys.readouterr().err


def test_a_name_that_is_unknown_is_answered_with_those_that_are_known(db):
    with pytest.raises(CommandError, match=r"no service named 'nope'\. There are: .*count-words"):
        say("validate_service", "nope")


def test_a_module_that_cannot_be_imported_is_a_problem(db, monkeypatch):
    failed = discovery.FailedImport(module="shop.services", error=ImportError("no module\nnamed x"))
    monkeypatch.setattr(discovery, "failed_imports", [failed])
    said = StringIO()
    with register_temporarily(Sound), pytest.raises(CommandError, match="1 problem:"):
        call_command("validate_service", "sound", stdout=said)
    assert "shop.services: It cannot be imported" in said.getvalue()
    assert "ImportError: no module named x. Mend it." in said.getvalue()


def test_services_are_listed_as_a_table(db):
    make_after_migrate(using="default")
    Service.objects.filter(name="count-words").update(is_active=False, cost_override=5)
    [line] = [line for line in say("list_services").splitlines() if line.startswith("count-words")]
    assert line.split("  ")[0] == "count-words"
    assert "Count words" in line
    assert line.split()[-4:] == ["5", "credits", "no", "tests.services.samples"]


def test_services_are_listed_as_json(db):
    listed = {row["name"]: row for row in json.loads(say("list_services", json=True))}
    assert set(listed) == set(registry)
    assert listed["count-words"] == {
        "name": "count-words",
        "title": "Count words",
        "price": "2 credits",
        "active": True,
        "module": "tests.services.samples",
    }


def test_where_there_is_no_service_the_list_says_how_to_write_one(db):
    before = registry.snapshot()
    registry.restore({})
    try:
        assert "generate_service NAME --app APP" in say("list_services")
        assert json.loads(say("list_services", json=True)) == []
    finally:
        registry.restore(before)
