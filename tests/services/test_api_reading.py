from datetime import timedelta

import pytest

from quickscale_credits import ledger
from quickscale_credits.testing import fund
from quickscale_services import registry
from quickscale_services.models import Service
from quickscale_services.testing import register_temporarily, run_service
from tests.services.samples import CountWords


def everything(program, path, limit):
    """All items of a list, page by page, and how many pages there were."""
    items, cursor, pages = [], "", 0
    while cursor is not None:
        page = program.get(f"{path}?limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json()
        items, cursor, pages = items + page["items"], page["next"], pages + 1
    return items, pages


def test_services_are_listed_by_name_with_their_prices(program):
    items = {item["name"]: item for item in program.get("services").json()["items"]}
    assert list(items) == sorted(registry)
    assert (items["count-words"]["cost"], items["count-words"]["price"]) == ("2", "2 credits")
    assert (items["priced-by-length"]["cost"], items["free-words"]["cost"]) == (None, "0")


def test_a_service_that_is_off_is_not_listed_and_says_so_itself(program):
    Service.objects.update_or_create(name="metered", defaults={"is_active": False})
    assert "metered" not in [item["name"] for item in program.get("services").json()["items"]]
    assert program.get("services/metered").json()["is_active"] is False


def test_a_service_tells_its_schemas_and_its_price_as_the_admin_set_it(program):
    Service.objects.update_or_create(name="count-words", defaults={"cost_override": "7.5"})
    told = program.get("services/count-words").json()
    assert told["cost"] == "7.5"
    assert told["input"]["required"] == ["text"]
    assert told["output"]["properties"]["words"]["type"] == "integer"


def test_the_output_of_a_stream_is_told_as_a_list(program):
    class Streamed(CountWords):
        name = "streamed"
        stream = True

    with register_temporarily(Streamed):
        output = program.get("services/streamed").json()["output"]
    assert output["type"] == "array"
    assert output["items"]["properties"]["words"]["type"] == "integer"


def test_an_unknown_service_is_said_to_be_unknown(program):
    for response in (program.get("services/nope"), program.post("services/nope/run", {})):
        assert (response.status_code, response.json()["code"]) == (404, "unknown_service")


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_runs_turn_pages_newest_first_without_losing_one(user, program, clock, limit):
    for number in range(6):
        run_service("free-words", user, text="one")
        if number % 2:  # some of one moment
            clock.shift(timedelta(seconds=1))
    items, pages = everything(program, "runs", limit)
    moments = [item["created_at"] for item in items]
    assert len({item["id"] for item in items}) == len(items) == 6
    assert moments == sorted(moments, reverse=True)
    assert pages == -(-6 // limit)


def test_a_run_is_shown_with_the_output_that_is_kept(user, program):
    fund(user, 9)
    kept = registry["count-words"].run(user, text="one two", idempotency_key="k").run
    other = registry["count-words"].run(user, text="one two").run
    assert program.get(f"runs/{kept.pk}").json()["output"] == {"words": 2}
    assert program.get(f"runs/{other.pk}").json()["output"] is None
    assert program.get(f"runs/{kept.pk}").json()["cost"] == "2"


def test_what_belongs_to_somebody_else_is_not_found(user, program, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    foreign = run_service("count-words", eve, text="one").run
    response = program.get(f"runs/{foreign.pk}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert program.get("runs").json()["items"] == []
    assert program.get("account/entries").json()["items"] == []


def test_the_account_says_what_the_ledger_says(user, program):
    ledger.grant(user, 100, credit_type="subscription")
    ledger.hold(user, "12.5", reason="test")
    assert program.get("account").json() == {
        "total": "100",
        "held": "12.5",
        "available": "87.5",
        "by_type": {"subscription": "87.5", "promotional": "0", "pay_as_you_go": "0"},
    }


def test_an_owner_who_never_had_credits_has_none(program):
    assert program.get("account").json()["total"] == "0"
    assert program.get("account/entries").json() == {"items": [], "next": None}


def test_entries_turn_pages_newest_first(user, program):
    for number in range(5):
        ledger.grant(user, number + 1, reference=f"order-{number}")
    items, pages = everything(program, "account/entries", 2)
    assert [item["sequence"] for item in items] == [5, 4, 3, 2, 1]
    assert [item["balance_after"] for item in items] == ["15", "10", "6", "3", "1"]
    assert items[0]["reference"] == "order-4"
    assert pages == 3


@pytest.mark.parametrize("path", ["services", "runs", "account/entries"])
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "cursor=%00", "cursor=Zm9v!", f"cursor={'A' * 201}"]
)
def test_a_page_that_cannot_be_is_invalid_input(program, path, query):
    response = program.get(f"{path}?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")


def test_answers_are_kept_by_no_cache(program):
    response = program.get("account")
    assert "no-store" in response.headers["Cache-Control"]
    assert {"Authorization", "Cookie"} <= set(response.headers["Vary"].split(", "))
