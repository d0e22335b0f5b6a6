"""Prices as expressions: what they come to, how they read, and what is no price."""

from decimal import Decimal
from functools import reduce
from itertools import permutations
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickscale_credits.exceptions import InvalidAmount
from quickscale_services.pricing import Fixed, FromInput, PerToken, PerUnit, Sum
from quickscale_services.pricing.tariffs import Tariff

pytestmark = pytest.mark.once

PAGES = Fixed(2) + PerUnit("pages", "0.1")


def cost(price, **used):
    return price.tariff(None).cost({unit: Decimal(number) for unit, number in used.items()})


@pytest.mark.parametrize(("pages", "price"), [(0, "2"), (1, "2.1"), (30, "5"), ("0.5", "2.05")])
def test_a_sum_is_what_its_parts_come_to(pages, price):
    assert cost(PAGES, pages=pages) == Decimal(price)


def test_the_first_units_may_be_free_in_each_run():
    price = PerUnit("pages", 3, free=5)
    assert [cost(price, pages=pages) for pages in (0, 5, 6, "6.5")] == [0, 0, 3, Decimal("4.5")]


def test_two_parts_of_one_unit_make_a_price_that_falls_or_rises():
    price = PerUnit("pages", 1) + PerUnit("pages", 2, free=10)
    assert [cost(price, pages=pages) for pages in (10, 11)] == [10, 13]


def test_a_fraction_is_rounded_up_at_the_sixth_place():
    assert cost(PerUnit("bytes", "0.0000001"), bytes=1) == Decimal("0.000001")
    assert cost(PerUnit("minutes", 1), minutes="0.3333333333") == Decimal("0.333334")
    assert cost(PerUnit("minutes", 1), minutes="0.333333") == Decimal("0.333333")


def test_it_is_the_sum_that_is_rounded_not_each_part():
    half = "0.0000005"
    assert cost(PerUnit("bytes", half) + PerUnit("words", half), bytes=1, words=1) == Decimal("0.000001")


def test_a_plain_amount_is_a_fixed_price():
    assert PerUnit("pages", 1) + 2 == PerUnit("pages", 1) + Fixed(2)
    assert "2.5" + PerUnit("pages", 1) == Fixed("2.5") + PerUnit("pages", 1)
    assert cost(sum([Fixed(1), Fixed("0.5")])) == Decimal("1.5")


def test_prices_are_values():
    assert PerUnit("pages", "0.10") == PerUnit("pages", Decimal("0.1"))
    assert len({Fixed(2), Fixed("2.0"), PAGES, Fixed(2) + PerUnit("pages", "0.1")}) == 2
    with pytest.raises(AttributeError):
        Fixed(2).amount = 3


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Fixed(-1), ValueError),
        (lambda: Fixed(1.5), TypeError),
        (lambda: Fixed("0.0000001"), InvalidAmount),
        (lambda: PerUnit("pages", 0.1), TypeError),
        (lambda: PerUnit("pages", True), TypeError),
        (lambda: PerUnit("pages", "-0.1"), ValueError),
        (lambda: PerUnit("pages", Decimal("NaN")), ValueError),
        (lambda: PerUnit("pages", Decimal("Infinity")), ValueError),
        (lambda: PerUnit("pages", Decimal("1e-999999")), ValueError),
        (lambda: PerUnit("pages", Decimal("1e999999")), ValueError),
        (lambda: PerUnit("pages", 1, free=-1), ValueError),
        (lambda: PerUnit("two words", 1), ValueError),
        (lambda: PerUnit("", 1), ValueError),
        (lambda: PerToken(""), ValueError),
        (lambda: PerToken(7), ValueError),
        (lambda: PerToken("gpt", margin=0.2), TypeError),
        (lambda: PerToken("gpt", margin="0.00001"), ValueError),
        (lambda: PAGES + 1.5, TypeError),
        (lambda: None + PAGES, TypeError),
        (lambda: PerToken("gpt") + Fixed(1) + PerToken("other"), ValueError),
    ],
)
def test_what_is_no_price_is_refused_where_it_is_written(make, error):
    with pytest.raises(error):
        make()


@pytest.mark.parametrize(
    ("price", "words"),
    [
        (Fixed(0), "Free"),
        (Fixed(1), "1 credit"),
        (PAGES, "2 credits + 0.1 credits per page"),
        (Fixed(0) + PerUnit("pages", 1), "1 credit per page"),
        (PerUnit("pages", 1, free=5), "1 credit per page (the first 5 are free)"),
        (PerUnit("queries", "2000.50"), "2,000.5 credits per query"),
        (PerUnit("boxes", 1, each="box"), "1 credit per box"),
        (PerUnit("audio_seconds", "0.05"), "0.05 credits per audio second"),
        (PerUnit("characters", "0.0001"), "0.1 credits per 1,000 characters"),
        (PerUnit("bytes", "0.0000005"), "0.5 credits per million bytes"),
        (PerUnit("pages", 0), "0 credits per page"),
        (PerToken(FromInput("model")), "by the tokens of the model"),
    ],
)
def test_a_price_says_itself_for_people(price, words):
    assert str(price) == words


exact = st.decimals(0, 10**6, places=9)
quantities = st.decimals(0, 10**9, places=3)
parts = st.one_of(
    st.builds(Fixed, st.decimals(0, 10**6, places=6)),
    st.builds(PerUnit, st.sampled_from(["pages", "words", "seconds"]), exact, free=quantities),
)
usages = st.dictionaries(st.sampled_from(["pages", "words", "seconds"]), quantities)


@given(st.lists(parts, min_size=1, max_size=6), usages)
def test_any_price_is_exact_at_six_places_and_never_below_zero(summands, used):
    price = Sum(tuple(summands)).tariff(None).cost(used)
    exactly = sum(
        p.amount if isinstance(p, Fixed) else p.price * max(used.get(p.unit, 0) - p.free, 0) for p in summands
    )
    assert 0 <= exactly <= price < exactly + Decimal("0.000001")
    assert price == round(price, 6)


@given(st.lists(parts, min_size=1, max_size=4), usages)
def test_any_price_is_the_same_whichever_way_the_sum_is_written(summands, used):
    ways = {reduce(add, order).tariff(None).cost(used) for order in permutations(summands)}
    first, *rest = summands
    grouped = first + reduce(add, rest) if rest else first
    assert ways == {grouped.tariff(None).cost(used)}


@given(st.lists(parts, min_size=1, max_size=4), usages, st.sampled_from(["pages", "words", "seconds"]), quantities)
def test_who_uses_more_never_pays_less(summands, used, unit, more):
    tariff = Sum(tuple(summands)).tariff(None)
    assert tariff.cost(used | {unit: used.get(unit, Decimal(0)) + more}) >= tariff.cost(used)


@given(st.lists(parts, min_size=1, max_size=4), usages)
def test_a_price_comes_back_from_the_run_that_keeps_it_as_it_was(summands, used):
    tariff = Sum(tuple(summands)).tariff(None)
    assert Tariff.from_json(tariff.as_json()).cost(used) == tariff.cost(used)
