"""Rate cards from published prices: `import_rate_cards`."""

import sys
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from quickscale_services.models import RateCard
from quickscale_services.pricing.known_prices import Terms, card_of

pytestmark = pytest.mark.django_db

# What genai-prices keeps of models whose prices have long stood still, in dollars for a million tokens.
MINI = {"input": "0.15", "cached": "0.075", "output": "0.6"}


def imported(*arguments: str) -> str:
    out = StringIO()
    call_command("import_rate_cards", *arguments, stdout=out)
    return out.getvalue()


def test_published_prices_become_a_card_in_ones_own_credits():
    said = imported("gpt-4o-mini", "--credits-per-dollar", "100", "--margin", "0.25")
    card = RateCard.objects.get()
    assert (card.model, card.version, card.margin) == ("gpt-4o-mini", 1, Decimal("0.25"))
    assert (card.input, card.cached, card.reasoning, card.output) == (15, Decimal("7.5"), None, 60)
    assert "openai gpt-4o-mini, genai-prices" in card.note
    assert "input 15, cached 7.5, cache_write 15, cache_write_1h 15, reasoning 60, output 60 credits" in said
    assert "1 rate cards made." in said


def test_running_it_again_makes_nothing():
    for _ in range(2):
        said = imported("gpt-4o-mini", "o3-mini", "gpt-4o-mini", "--credits-per-dollar", "100")
    assert RateCard.objects.count() == 2
    assert "gpt-4o-mini v1: as before" in said
    assert "0 rate cards made." in said


def test_other_terms_are_a_new_version():
    imported("gpt-4o-mini", "--credits-per-dollar", "100")
    imported("gpt-4o-mini", "--credits-per-dollar", "100", "--margin", "0.1")
    imported("gpt-4o-mini", "--credits-per-dollar", "200", "--margin", "0.1")
    assert list(RateCard.objects.order_by("version").values_list("version", "input")) == [(1, 15), (2, 15), (3, 30)]


def test_a_dry_run_says_what_would_be_made():
    said = imported("gpt-4o-mini", "--credits-per-dollar", "100", "--dry-run")
    assert "input 15" in said
    assert "1 rate cards would be made." in said
    assert not RateCard.objects.exists()


def test_one_unknown_model_among_others_makes_none():
    with pytest.raises(CommandError, match=r"No price is known of 'no-such-model'.*in the admin"):
        imported("gpt-4o-mini", "no-such-model", "--credits-per-dollar", "100")
    assert not RateCard.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--credits-per-dollar", "many"],
        ["--credits-per-dollar", "-1"],
        ["--credits-per-dollar", "0"],
        ["--credits-per-dollar", "1e5"],
        ["--credits-per-dollar", "100", "--margin", "0.00001"],
        ["--credits-per-dollar", "100", "--provider", "nobody"],
        [],
    ],
)
def test_what_it_cannot_do_it_says(arguments):
    with pytest.raises(CommandError):
        imported("gpt-4o-mini", *arguments)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "quickscale_services.pricing.known_prices", None)
    with pytest.raises(CommandError, match=r"django-quickscale\[prices\]"):
        imported("gpt-4o-mini", "--credits-per-dollar", "100")


@pytest.mark.once
def test_fractions_are_rounded_up_at_the_sixth_place():
    card = card_of("gpt-4o-mini", Terms(credits_per_dollar=Decimal("0.000001")))
    assert (card.input, card.cached, card.output) == tuple([Decimal("0.000001")] * 3)


@pytest.mark.once
def test_what_is_written_to_a_cache_has_its_published_price():
    card = card_of("claude-opus-4-5", Terms(credits_per_dollar=Decimal(1)))
    assert (card.input, card.cached, card.cache_write, card.cache_write_1h) == (5, Decimal("0.5"), Decimal("6.25"), 10)


@pytest.mark.once
def test_of_prices_in_tiers_the_dearest_is_taken():
    card = card_of("gemini-2.5-pro", Terms(credits_per_dollar=Decimal(1)))
    assert (card.input, card.cached, card.output) == (Decimal("2.5"), Decimal("0.25"), 15)


@pytest.mark.once
def test_what_is_sold_without_output_charges_for_output_nevertheless():
    card = card_of("text-embedding-3-small", Terms(credits_per_dollar=Decimal(100)), provider="openai")
    assert card.input == card.output == 2
