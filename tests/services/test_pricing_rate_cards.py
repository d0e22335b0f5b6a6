"""Rate cards: versions that are never changed, and runs that keep the one they were held at."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone
from pydantic import BaseModel

from quickscale_credits import ledger
from quickscale_credits.exceptions import AppendOnly
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import BaseService, pricing, queueing, usage
from quickscale_services.exceptions import InvalidInput, NoRateCard, ServiceFailed
from quickscale_services.models import RateCard, Service, ServiceRun
from quickscale_services.pricing import FromInput, PerToken
from quickscale_services.pricing.quoting import Quote
from quickscale_services.testing import register_temporarily
from tests.services.samples import doing

pytestmark = pytest.mark.django_db

MILLION = 10**6
MOST = {"input_tokens": MILLION, "output_tokens": MILLION}


def card(model: str = "small", **prices: Any) -> RateCard:
    return RateCard.objects.create(**({"model": model, "input": 10, "output": 40} | prices))


def cost(price: pricing.Price, data: Any = None, **used: int) -> Decimal:
    return price.tariff(data).cost({unit: Decimal(number) for unit, number in used.items()})


class Chat(BaseService):
    """Records what it is told to, as a model's answer says it."""

    name = "chat-by-tokens"
    cost = pricing.Fixed(1) + PerToken(FromInput("model"))

    class Input(BaseModel):
        model: str
        said: dict[str, Any] = {}

    def estimate_units(self, data: Input) -> dict[str, int]:
        return MOST

    def execute(self, data: Input, context: Any) -> str:
        context.record(**usage.units(data.said))
        return "hello"


@pytest.fixture(autouse=True)
def chat():
    with register_temporarily(Chat):
        yield Chat()


def test_each_kind_of_token_has_its_price():
    card(input=10, cached=1, cache_write=12, cache_write_1h=16, reasoning=20, output=40)
    assert [cost(PerToken("small"), **{kind: MILLION}) for kind in usage.TOKENS] == [10, 1, 12, 16, 20, 40]


def test_other_kinds_of_tokens_cost_as_what_they_are_a_kind_of_where_the_card_is_silent():
    card()
    assert [cost(PerToken("small"), **{kind: MILLION}) for kind in usage.TOKENS] == [10, 10, 10, 10, 40, 40]


def test_what_is_written_for_an_hour_costs_as_any_write_where_the_card_is_silent_on_it():
    card(cache_write=12)
    assert cost(PerToken("small"), cache_write_1h_tokens=MILLION) == 12


def test_one_token_is_rounded_up_at_the_sixth_place():
    card(input="0.075")
    assert cost(PerToken("small"), input_tokens=1) == Decimal("0.000001")
    assert cost(PerToken("small"), input_tokens=1234) == Decimal("0.000093")


def test_the_margin_is_put_on_top_and_a_price_may_have_its_own():
    card(margin="0.25")
    assert cost(PerToken("small"), **MOST) == Decimal("62.5")
    assert cost(PerToken("small", margin="0.5"), **MOST) == 75
    assert cost(PerToken("small", margin=0), **MOST) == 50


def test_the_version_counts_up_for_each_model():
    assert [card().version, card().version, card("large").version, card().version] == [1, 2, 1, 3]
    with pytest.raises(IntegrityError), transaction.atomic():
        card(version=2)


def test_the_latest_card_that_has_begun_is_in_force(clock):
    card(input=1)
    card(input=2, valid_from=timezone.now() + timedelta(days=2))
    card(input=3)
    assert cost(PerToken("small"), input_tokens=MILLION) == 3
    clock.shift(timedelta(days=2))
    assert cost(PerToken("small"), input_tokens=MILLION) == 2
    card(input=4)
    assert cost(PerToken("small"), input_tokens=MILLION) == 4


def test_a_card_is_neither_changed_nor_deleted():
    made = card()
    made.input = 99
    attempts = [
        made.save,
        made.delete,
        RateCard.objects.all().delete,
        lambda: RateCard.objects.update(input=99),
        lambda: RateCard.objects.bulk_update([made], ["input"]),
    ]
    for attempt in attempts:
        with pytest.raises(AppendOnly, match="save a new version instead"):
            attempt()
    assert RateCard.objects.get().input == 10


@pytest.mark.parametrize("name", ["input", "output", "cached", "cache_write", "cache_write_1h", "reasoning", "margin"])
def test_no_price_of_a_card_is_below_zero(name):
    with pytest.raises(IntegrityError), transaction.atomic():
        card(**{name: -1})


def test_a_run_is_charged_by_the_tokens_of_its_model(user, chat):
    card(input=10, cached=1, output=40)
    fund(user, 51)
    said = {
        "prompt_tokens": 100_000,
        "completion_tokens": 10_000,
        "prompt_tokens_details": {"cached_tokens": 50_000},
        "completion_tokens_details": {"reasoning_tokens": 4_000},
    }
    result = chat.run(user, model="small", said=said)
    assert result.cost == Decimal("1.95")
    units = {"input_tokens": 50_000, "cached_tokens": 50_000, "reasoning_tokens": 4_000, "output_tokens": 6_000}
    assert result.run.units == dict.fromkeys(usage.TOKENS, 0) | units
    assert ledger.balance(user).available == Decimal("49.05")


def test_what_is_written_to_a_cache_is_charged_at_its_own_price(user, chat):
    card(input=10, cached=1, cache_write="12.5", cache_write_1h=20, output=40)
    fund(user, 100)
    said = {
        "input_tokens": 10_000,
        "cache_creation_input_tokens": 300_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 200_000, "ephemeral_1h_input_tokens": 100_000},
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }
    assert chat.run(user, model="small", said=said).cost == Decimal("5.6")  # one of them for the call


def test_a_new_card_between_hold_and_capture_changes_nothing(user):
    def work(context: Any) -> None:
        card(input=MILLION, output=MILLION)
        context.record(input_tokens=MILLION, output_tokens=0)

    card()
    fund(user, 50)
    result = doing(work, cost=PerToken("small"), estimate_units=lambda self, data: MOST).run(user)
    run = ServiceRun.objects.get(pk=result.run.pk)
    assert (run.cost, run.price["rate_card"]) == (10, {"model": "small", "version": 1})
    assert Quote.of(run, Chat()).tariff.cost({"output_tokens": Decimal(MILLION)}) == 40


def test_a_queued_run_is_charged_by_the_card_it_was_held_at(user, chat):
    card()
    fund(user, 51)
    run = chat.enqueue(user, model="small", said={"input_tokens": MILLION, "output_tokens": 0})
    card(input=MILLION, output=MILLION)
    queueing.execute(run.pk, run.attempts)
    assert (ServiceRun.objects.get(pk=run.pk).cost, ledger.balance(user).available) == (11, 40)


def test_a_queued_run_keeps_the_price_that_an_administrator_had_set(user, chat):
    card()
    fund(user, 51)
    row, _created = Service.objects.update_or_create(name=chat.name, defaults={"cost_override": 3})
    run = chat.enqueue(user, model="small", said={"input_tokens": MILLION, "output_tokens": 0})
    row.cost_override = None
    row.save()
    queueing.execute(run.pk, run.attempts)
    run = ServiceRun.objects.get(pk=run.pk)
    assert (run.cost, run.units["input_tokens"]) == (3, MILLION)


def test_the_estimate_is_of_the_card_in_force(chat):
    card()
    assert chat.estimate(model="small") == 51
    card(input=20)
    assert chat.estimate(model="small") == 61


@pytest.mark.parametrize("model", ["unheard-of", "", "small\x00", "SMALL", "small ", "x" * 1000])
def test_a_model_of_the_input_without_a_card_is_refused_for_nothing(user, chat, model):
    card()
    fund(user, 51)
    with pytest.raises(InvalidInput) as caught:
        chat.run(user, model=model)
    assert list(caught.value.errors[0]["loc"]) == ["model"]
    assert_balance(user, 51)
    assert not ServiceRun.objects.exists()


def test_over_http_that_is_422(program):
    answer = program.post("services/chat-by-tokens/run", {"model": "unheard-of"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["errors"][0] == {
        "loc": ["model"],
        "msg": "“unheard-of” is not offered.",
        "type": "value_error",
    }


@pytest.mark.parametrize("model", ["unheard-of", lambda data: "unheard-of"])
def test_a_model_of_the_service_without_a_card_is_never_free(user, model):
    fund(user, 51)
    service = doing(lambda context: None, cost=PerToken(model), estimate_units=lambda self, data: MOST)
    with pytest.raises(ServiceFailed, match="could not tell its price") as caught:
        service.run(user)
    assert isinstance(caught.value.__cause__, NoRateCard)
    assert "import_rate_cards" in str(caught.value.__cause__)
    assert not ServiceRun.objects.exists()


def test_a_card_that_has_not_begun_is_none(user, clock):
    card(valid_from=timezone.now() + timedelta(seconds=1))
    with pytest.raises(NoRateCard):
        cost(PerToken("small"))


def test_an_override_needs_no_card(user):
    fund(user, 3)
    Service.objects.update_or_create(name="chat-by-tokens", defaults={"cost_override": 3})
    assert Chat().run(user, model="unheard-of", said={"input_tokens": 9, "output_tokens": 9}).cost == 3


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ({}, "10 credits per million input tokens + 40 credits per million output tokens"),
        (
            {"margin": "0.5", "cached": "0.5"},
            (
                "15 credits per million input tokens + 0.75 credits per million cached tokens "
                "+ 60 credits per million output tokens"
            ),
        ),
    ],
)
def test_a_price_by_tokens_says_what_a_million_cost(prices, words):
    assert str(PerToken("small")) == "by the tokens of small"
    card(**prices)
    assert str(pricing.Fixed(2) + PerToken("small")) == f"2 credits + {words}"


@pytest.mark.django_db(transaction=True)
def test_cards_that_are_made_at_once_get_a_version_each():
    def publish(barrier: threading.Barrier) -> int:
        barrier.wait()
        try:
            return card().version
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        versions = list(pool.map(publish, [threading.Barrier(4)] * 4))
    assert sorted(versions) == [1, 2, 3, 4]
