"""Runs that are held at what they may use, and charged for what they have used."""

from decimal import Decimal
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from quickscale_credits import ledger
from quickscale_credits.exceptions import CaptureExceedsHold, InsufficientCredits
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import BaseService, pricing, registry
from quickscale_services.checks import check_service
from quickscale_services.exceptions import ServiceFailed, UnknownUnit
from quickscale_services.models import Service, ServiceRun
from quickscale_services.pricing.quoting import Quote
from quickscale_services.testing import register_temporarily
from tests.services.samples import doing

pytestmark = pytest.mark.django_db

PER_PAGE = pricing.Fixed(2) + pricing.PerUnit("pages", "0.25")
ESTIMATED_AT_TEN = {"cost": PER_PAGE, "estimate_units": lambda self, data: {"pages": 32}}


class ReadPages(BaseService):
    """Held at 2 credits and 0.25 for each page that there may be; records what it is told to."""

    name = "read-pages"
    title = "Read pages"
    cost = PER_PAGE
    balances: ClassVar[list[Decimal]] = []

    class Input(BaseModel):
        most: int = 32
        pages: list[Any] = []

    def estimate_units(self, data: Input) -> dict[str, Any]:
        return {"pages": data.most}

    def execute(self, data: Input, context: Any) -> str:
        self.balances.append(ledger.balance(context.owner).available)
        for pages in data.pages:
            context.record(pages=pages)
        return "read"


@pytest.fixture(autouse=True)
def read_pages():
    ReadPages.balances.clear()
    with register_temporarily(ReadPages):
        yield registry["read-pages"]


def recording(*records: dict[str, Any], **attributes: Any) -> BaseService:
    def work(context: Any) -> None:
        for units in records:
            context.record(**units)

    return doing(work, **(ESTIMATED_AT_TEN | attributes))


def test_the_estimate_is_held_and_what_was_used_is_charged(user, read_pages):
    fund(user, 12)
    assert read_pages.estimate() == 10
    result = read_pages.run(user, pages=[5])
    assert ReadPages.balances == [2]
    assert (str(result.cost), result.run.entry.amount) == ("3.25", Decimal("-3.25"))
    assert (ledger.balance(user).available, ledger.balance(user).held) == (Decimal("8.75"), 0)


def test_the_run_keeps_what_was_recorded(user, read_pages):
    fund(user, 20)
    assert read_pages.run(user, pages=[5]).run.units == {"pages": 5}
    run = read_pages.run(user, pages=["2.50"]).run
    assert ServiceRun.objects.get(pk=run.pk).units == {"pages": "2.5"}


def test_over_http_it_is_the_same(user, program):
    fund(user, 12)
    assert program.post("services/read-pages/estimate", {}).json() == {"cost": "10"}
    answer = program.post("services/read-pages/run", {"pages": [5]}).json()
    assert (answer["cost"], answer["balance"], answer["run"]["units"]) == ("3.25", "8.75", {"pages": 5})


def test_without_credits_for_the_estimate_nothing_is_executed(user, read_pages):
    fund(user, "9.999999")
    with pytest.raises(InsufficientCredits):
        read_pages.run(user, pages=[1])
    assert ReadPages.balances == []


def test_of_each_unit_the_last_number_counts(user, read_pages):
    fund(user, 20)
    assert read_pages.run(user, pages=[9, 20, 4]).cost == 3


def test_what_says_nothing_of_its_use_costs_the_whole_hold(user, read_pages):
    fund(user, 10)
    assert read_pages.run(user).cost == 10
    assert ServiceRun.objects.get().units == {}


def test_a_unit_that_is_not_recorded_beside_others_counts_as_none(user):
    fund(user, 20)
    cost = pricing.PerUnit("pages", 1) + pricing.PerUnit("pictures", 2)
    service = recording({"pages": 3}, cost=cost, estimate_units=lambda self, data: {"pages": 4, "pictures": 5})
    assert (service.estimate(), service.run(user).cost) == (14, 3)


def test_nothing_used_of_a_price_without_a_fixed_part_is_free(user):
    fund(user, 10)
    result = recording({"pages": 0}, cost=pricing.PerUnit("pages", "0.1")).run(user)
    assert (result.cost, result.run.entry, result.run.status) == (0, None, "succeeded")


@pytest.mark.parametrize("order", ["charge first", "record first"])
def test_a_charge_wins_over_what_is_recorded(user, order):
    def work(context: Any) -> None:
        steps = [lambda: context.charge("0.5"), lambda: context.record(pages=8)]
        for step in steps if order == "charge first" else steps[::-1]:
            step()

    fund(user, 10)
    result = doing(work, **ESTIMATED_AT_TEN).run(user)
    assert (str(result.cost), result.run.units) == ("0.5", {"pages": 8})


def test_more_than_is_held_fails_the_run_and_says_what_to_do(user, read_pages):
    fund(user, 12)
    with pytest.raises(CaptureExceedsHold) as caught:
        read_pages.run(user, pages=[33])
    assert "33 pages cost 10.25 credits: 10 are held. estimate_units must say" in str(caught.value.__cause__)
    assert_balance(user, 12)


def test_a_service_may_catch_that_and_be_paid_what_is_held(user):
    def work(context: Any) -> None:
        try:
            context.record(pages=33)
        except CaptureExceedsHold:
            context.record(pages=32)

    fund(user, 10)
    assert doing(work, **ESTIMATED_AT_TEN).run(user).cost == 10


@pytest.mark.parametrize(
    ("units", "error"),
    [
        ({"page": 3}, UnknownUnit),
        ({"pages": 1.5}, TypeError),
        ({"pages": True}, TypeError),
        ({"pages": None}, TypeError),
        ({"pages": -1}, ValueError),
        ({"pages": Decimal("NaN")}, ValueError),
        ({"pages": Decimal("1e99999")}, ValueError),
        ({"pages": "3 pages"}, ValueError),
    ],
)
def test_what_cannot_be_recorded_fails_the_run(user, units, error):
    fund(user, 10)
    with pytest.raises(ServiceFailed) as caught:
        recording(units).run(user)
    assert isinstance(caught.value.__cause__, error)
    assert_balance(user, 10)


def test_an_unknown_unit_is_told_the_known_ones(user):
    fund(user, 10)
    with pytest.raises(ServiceFailed) as caught:
        recording({"page": 3}).run(user)
    assert str(caught.value.__cause__) == "The price has no unit page; it has pages."


@pytest.mark.parametrize(
    "estimated", [{}, {"page": 3}, {"pages": 3, "words": 1}, {"pages": -1}, {"pages": 1.5}, {"pages": 10**12}, None]
)
def test_an_estimate_that_says_no_price_fails_before_anything_is_held(user, estimated):
    fund(user, 10)
    with pytest.raises(ServiceFailed, match="could not tell its price"):
        recording(cost=pricing.PerUnit("pages", 2), estimate_units=lambda self, data: estimated).run(user)
    assert not ServiceRun.objects.exists()


def test_a_service_with_a_plain_price_may_record_what_it_likes(user):
    fund(user, 10)
    result = recording({"words": 7}, cost=2).run(user)
    assert (result.cost, result.run.units, result.run.price) == (2, {"words": 7}, None)


def test_a_unit_that_no_database_can_keep_fails_the_run(user):
    fund(user, 10)
    with pytest.raises(ServiceFailed):
        recording({"words\0": 7}, cost=2).run(user)
    assert ServiceRun.objects.get().status == "failed"
    assert_balance(user, 10)


def test_get_cost_may_say_what_is_held_for_a_metered_price(user):
    fund(user, 10)
    service = recording({"pages": 4}, get_cost=lambda self, data: Decimal(8))
    assert (service.estimate(), service.run(user).cost) == (8, 3)


def test_get_cost_may_add_to_the_estimate(user):
    class Careful(ReadPages):
        def get_cost(self, data: Any) -> Decimal:
            return super().get_cost(data) + 5

    assert Careful().estimate() == 15


def test_an_override_replaces_the_price_whatever_is_recorded(user, read_pages):
    fund(user, 20)
    Service.objects.update_or_create(name="read-pages", defaults={"cost_override": 7})
    result = read_pages.run(user, pages=[5])
    assert (result.cost, result.run.units, result.run.price) == (7, {"pages": 5}, {"final": "7"})
    assert read_pages.run(user, most=1, pages=[9_999]).cost == 7


def test_a_run_keeps_the_price_it_was_held_at(user, read_pages):
    fund(user, 10)
    run = ServiceRun.objects.get(pk=read_pages.run(user, pages=[5]).run.pk)
    assert run.price == {"fixed": "2", "rates": [{"unit": "pages", "price": "0.25", "free": "0"}]}
    quote = Quote.of(run, read_pages)
    assert (quote.held, quote.tariff.cost({"pages": Decimal(5)})) == (10, Decimal("3.25"))


def test_a_failed_run_keeps_what_it_had_recorded_and_costs_nothing(user):
    def work(context: Any) -> None:
        context.record(pages=3)
        raise OSError("out of paper")

    fund(user, 10)
    with pytest.raises(ServiceFailed) as caught:
        doing(work, **ESTIMATED_AT_TEN).run(user)
    run = ServiceRun.objects.get(pk=caught.value.run.pk)
    assert (run.status, run.units, run.cost) == ("failed", {"pages": 3}, 0)
    assert_balance(user, 10)


def test_pages_and_api_say_the_price_in_words(client, user, program):
    fund(user, 10)
    words = "2 credits + 0.25 credits per page"
    client.force_login(user)
    assert words in client.get("/services/").content.decode()
    page = client.get("/services/read-pages/").content.decode()
    assert words in page
    assert "What will it cost?" in page
    found = program.get("services/read-pages").json()
    assert (found["price"], found["cost"]) == (words, None)
    run = program.get("openapi.json").json()["paths"]["/api/services/read-pages/run"]["post"]
    assert (run["x-price"], run["x-cost"]) == (words, None)


def test_the_page_of_a_run_says_what_was_measured(client, user, read_pages):
    fund(user, 10)
    client.force_login(user)
    run = read_pages.run(user, pages=[5]).run
    assert "<dt>Pages</dt><dd>5</dd>" in client.get(f"/services/runs/{run.pk}/").content.decode()


def problems(**attributes: Any) -> list[str]:
    return [message.id.removeprefix("quickscale_services.") for message in check_service(doing(None, **attributes))]


def test_somebody_must_estimate_the_units_of_a_price():
    assert problems(cost=PER_PAGE) == ["E010"]
    assert problems(**ESTIMATED_AT_TEN) == []
    assert problems(cost=PER_PAGE, get_cost=lambda self, data: 10) == []
    assert problems(cost=pricing.Fixed(2)) == []


def test_a_price_may_only_ask_for_a_field_that_there_is():
    given = {"estimate_units": lambda self, data: {}, "cost": pricing.PerToken(pricing.FromInput("model"))}
    assert problems(**given) == ["E011"]
    model = type("Input", (BaseModel,), {"__annotations__": {"model": str}})
    assert problems(**given, Input=model) == []
