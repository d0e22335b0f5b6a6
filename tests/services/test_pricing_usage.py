"""What providers say of tokens, as units that count none twice."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickscale_services import usage

pytestmark = pytest.mark.once

COMPLETIONS = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 200, "accepted_prediction_tokens": 0},
}
RESPONSES = {
    "input_tokens": 1200,
    "input_tokens_details": {"cached_tokens": 1024},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 200},
    "total_tokens": 1500,
}
ANTHROPIC = {
    "input_tokens": 100,
    "cache_creation_input_tokens": 76,
    "cache_read_input_tokens": 1024,
    "output_tokens": 300,
    "service_tier": "standard",
}
FOR_AN_HOUR = {"cache_creation": {"ephemeral_5m_input_tokens": 16, "ephemeral_1h_input_tokens": 60}}
# completion_tokens of 1 beside reasoning_tokens of 386: not a part of it, as the total shows.
XAI = {
    "prompt_tokens": 12,
    "completion_tokens": 1,
    "total_tokens": 399,
    "completion_tokens_details": {"reasoning_tokens": 386},
}


def units(
    input_tokens: int, cached_tokens: int, reasoning_tokens: int, output_tokens: int, *, written: int = 0, hour: int = 0
) -> dict[str, int]:
    return {
        "input_tokens": input_tokens,
        "cached_tokens": cached_tokens,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": hour,
        "reasoning_tokens": reasoning_tokens,
        "output_tokens": output_tokens,
    }


def as_object(said: Any) -> Any:
    if not isinstance(said, dict):
        return said
    return SimpleNamespace(**{name: as_object(value) for name, value in said.items()})


KNOWN = {
    "OpenAI's chat completions": (COMPLETIONS, units(176, 1024, 200, 100)),
    "OpenAI's responses": (RESPONSES, units(176, 1024, 200, 100)),
    "Anthropic": (ANTHROPIC, units(100, 1024, 0, 300, written=76)),
    "Anthropic with a cache of an hour": (ANTHROPIC | FOR_AN_HOUR, units(100, 1024, 0, 300, written=16, hour=60)),
    "Anthropic through OpenRouter": (
        COMPLETIONS | {"prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 100}},
        units(76, 1024, 200, 100, written=100),
    ),
    "Anthropic without a cache": (
        {"input_tokens": 9, "cache_creation_input_tokens": None, "cache_read_input_tokens": None, "output_tokens": 3},
        units(9, 0, 0, 3),
    ),
    "xAI": (XAI, units(12, 0, 386, 1)),
    "reasoning beside the answer, without a total": (XAI | {"total_tokens": None}, units(12, 0, 386, 1)),
    "the least": ({"prompt_tokens": 9, "completion_tokens": 3}, units(9, 0, 0, 3)),
    "no details": ({"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": None}, units(9, 0, 0, 3)),
    "embeddings": ({"prompt_tokens": 9, "total_tokens": 9}, units(9, 0, 0, 0)),
    "other names": ({"input_tokens": 9, "output_tokens": 3}, units(9, 0, 0, 3)),
    "units themselves": (units(1, 2, 3, 4, written=5, hour=6), units(1, 2, 3, 4, written=5, hour=6)),
    "more cached than there was": (
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 99}},
        units(0, 9, 0, 3),
    ),
    "more written for an hour than in all": (
        {"input_tokens": 9, "output_tokens": 3, **FOR_AN_HOUR, "cache_creation_input_tokens": 50},
        units(9, 0, 0, 3, written=16, hour=60),
    ),
    "what was written told in parts alone": (
        {"input_tokens": 9, "output_tokens": 3, **FOR_AN_HOUR},
        units(9, 0, 0, 3, written=16, hour=60),
    ),
    "a side that the total tells": ({"input_tokens": 9, "total_tokens": 12}, units(9, 0, 0, 3)),
    "the answer and the total": (
        {"prompt_tokens": None, "completion_tokens": 3, "total_tokens": 12},
        units(9, 0, 0, 3),
    ),
}


@pytest.mark.parametrize(("said", "expected"), KNOWN.values(), ids=KNOWN)
def test_a_usage_is_read_as_a_dict_and_as_an_object(said, expected):
    assert usage.units(said) == expected
    assert usage.units(as_object(said)) == expected


def test_several_calls_are_counted_together():
    assert usage.units(COMPLETIONS, ANTHROPIC) == units(276, 2048, 200, 400, written=76)


@pytest.mark.parametrize("said", [None, {}, {"total_tokens": 9}, object(), "9 tokens", 9, {"input_tokens": None}])
def test_a_usage_that_says_nothing_is_an_error_and_not_free(said):
    with pytest.raises(ValueError, match="says neither"):
        usage.units(said)


@pytest.mark.parametrize("said", [{"input_tokens": 9}, {"output_tokens": 3}, {"prompt_tokens": 9}])
def test_a_usage_that_says_one_side_alone_is_an_error_and_the_other_not_free(said):
    with pytest.raises(ValueError, match="total_tokens"):
        usage.units(said)


def test_no_usage_at_all_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        usage.units()


@pytest.mark.parametrize("count", [-1, 1.5, "9", True, float("nan")])
def test_a_usage_that_does_not_count_is_an_error(count):
    with pytest.raises(ValueError, match="whole numbers"):
        usage.units({"prompt_tokens": count, "completion_tokens": 3})
    with pytest.raises(ValueError, match="whole numbers"):
        usage.units({"input_tokens": 3, "output_tokens": 3, "cache_read_input_tokens": count})


counts = st.integers(0, 10**9)


@given(counts, counts, counts, counts)
def test_whatever_openai_says_each_token_is_counted_once(prompt, completion, cached, reasoning):
    said = {
        "prompt_tokens": prompt + cached,
        "completion_tokens": completion + reasoning,
        "total_tokens": prompt + cached + completion + reasoning,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    assert usage.units(said) == units(prompt, cached, reasoning, completion)
