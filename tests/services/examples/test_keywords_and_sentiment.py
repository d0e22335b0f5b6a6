"""Keywords and sentiment: what they find, what they cost, and that no text takes them long."""

from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest

from quickscale_credits.testing import assert_balance, fund
from quickscale_services import registry
from quickscale_services.exceptions import InvalidInput
from tests.services.examples.texts import text

pytestmark = pytest.mark.django_db

REVIEW = "The food was great, we loved it! The waiter was rude and the soup was cold and horrible. We came by bus."


def run(name: str, user: Any, **given: Any) -> Any:
    fund(user, 100)
    return registry[name].run(user, **given)


def test_keywords_name_whom_a_story_is_about(user: Any):
    found = run("keywords", user, text=text("holmes"), most=5).output.keywords
    assert len(found) == 5
    assert found[0].phrase == "Sherlock Holmes"
    assert {"Holmes": 3, "Irene Adler": 2}.items() <= {keyword.phrase: keyword.times for keyword in found}.items()


def test_keywords_may_be_single_words_of_another_language(user: Any):
    german = "Die Katze schläft. Die Katze frisst, und die Katze schnurrt. Der Hund aber bellt die Katze an."
    found = run("keywords", user, text=german, language="de", longest=1).output.keywords
    assert (found[0].phrase, found[0].times) == ("Katze", 4)


def test_keywords_cost_by_the_word_after_the_first_250(user: Any):
    result = run("keywords", user, text="Ships sail. " * 500)
    assert (result.output.words, result.cost, result.run.units) == (1000, Decimal("1.25"), {"words": 1000})
    assert_balance(user, "98.75")
    assert registry["keywords"].estimate(text="Ships sail.") == Decimal("0.5")


def test_a_text_has_a_feeling_and_its_extremes(user: Any):
    found = run("sentiment", user, text=REVIEW).output
    assert (found.positive_sentences, found.neutral_sentences, found.negative_sentences) == (1, 1, 1)
    assert found.most_positive == "The food was great, we loved it!"
    assert found.most_negative == "The waiter was rude and the soup was cold and horrible."
    assert_balance(user, 99)


@pytest.mark.parametrize(
    ("said", "feeling"),
    [("I love it! It is wonderful.", "positive"), ("I hate it. Awful.", "negative"), ("It is a table.", "neutral")],
)
def test_a_text_feels_one_way(user: Any, said: str, feeling: str):
    found = run("sentiment", user, text=said).output
    assert found.feeling == feeling
    assert (found.most_positive is not None) == (feeling == "positive")
    assert (found.most_negative is not None) == (feeling == "negative")


@pytest.mark.parametrize("name", ["keywords", "sentiment"])
@pytest.mark.parametrize(
    "given",
    [{"text": ""}, {"text": "… — !?"}, {"text": "a" * 50_001}, {"text": "One.", "style": "witty"}, {}],
)
def test_what_is_no_text_costs_nothing(user: Any, name: str, given: dict[str, Any]):
    with pytest.raises(InvalidInput):
        run(name, user, **given)
    assert_balance(user, 100)


@pytest.mark.parametrize("given", [{"language": "tlh"}, {"most": 0}, {"most": 51}, {"longest": 5}])
def test_keywords_are_asked_for_within_bounds(user: Any, given: dict[str, Any]):
    with pytest.raises(InvalidInput):
        run("keywords", user, text="Ships sail.", **given)


@pytest.mark.once
@pytest.mark.parametrize("name", ["keywords", "sentiment"])
@pytest.mark.parametrize(
    "said", ["a" + " 😀" * 10_000, "never so good " * 3_500, "(a" * 25_000], ids=["faces", "negations", "one word"]
)
def test_no_text_takes_long(user: Any, name: str, said: str):
    """VADER by itself takes minutes for these faces; `timeout` cannot stop what computes."""
    began = perf_counter()
    run(name, user, text=said)
    assert perf_counter() - began < 30
