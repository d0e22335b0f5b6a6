"""What a language model says of its use, as the units of `pricing.PerToken`: `context.record(**usage.units(said))`.

No token is counted twice: `input_tokens` are those neither read from a cache nor written to one, `output_tokens` those
not spent on reasoning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

TOKENS = (
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "output_tokens",
)


def units(*usages: Any) -> dict[str, int]:
    """The tokens of one call, or of several together; a usage is a dict or an object with attributes.

    - OpenAI, chat completions (`prompt_tokens`, `completion_tokens`) and responses (`input_tokens`, `output_tokens`):
      tokens of a cache and of reasoning stand in details and are a part of the two numbers.
    - Anthropic: `cache_read_input_tokens` and `cache_creation_input_tokens` come beside `input_tokens`; of the latter
      `cache_creation` says how many were written for an hour, which costs more.
    - Anything else with `input_tokens` and `output_tokens`: the other units come beside them, as this function gives
      them itself.

    Where only one side is said, `total_tokens` tells the other. Raises `ValueError` where nothing does: what is unknown
    must not be free. Of an embedding, say `output_tokens=0`.
    """
    if not usages:
        raise ValueError("Give the usage of at least one call.")
    total: Counter[str] = Counter()
    for usage in usages:
        total.update(_units(usage))
    return {unit: total[unit] for unit in TOKENS}


def _units(usage: Any) -> dict[str, int]:
    if any(_get(usage, side) is not None for side in ("prompt_tokens", "completion_tokens")):
        return _inclusive(usage, "prompt_tokens", "completion_tokens")
    if any(_get(usage, f"{side}_tokens_details") is not None for side in ("input", "output")):
        return _inclusive(usage, "input_tokens", "output_tokens")
    return _apart(usage)


def _inclusive(usage: Any, asked: str, answered: str) -> dict[str, int]:
    everything, answer = _sides(usage, asked, answered)
    details = _get(usage, f"{asked}_details")
    cached = min(_count(details, "cached_tokens"), everything)
    written = min(_count(details, "cache_write_tokens"), everything - cached)  # as OpenRouter tells it
    reasoning = _count(_get(usage, f"{answered}_details"), "reasoning_tokens")
    # Some providers, such as xAI, leave reasoning out of the answer's tokens; the total tells.
    is_apart = reasoning > answer or _count(usage, "total_tokens") == everything + answer + reasoning
    return {
        "input_tokens": everything - cached - written,
        "cached_tokens": cached,
        "cache_write_tokens": written,
        "reasoning_tokens": reasoning if is_apart else min(reasoning, answer),
        "output_tokens": answer if is_apart else answer - min(reasoning, answer),
    }


def _apart(usage: Any) -> dict[str, int]:
    if _get(usage, "input_tokens") is None and _get(usage, "output_tokens") is None:
        raise ValueError(
            "A usage says prompt_tokens and completion_tokens, or input_tokens and output_tokens; "
            f"this {type(usage).__name__} says neither. Ask the provider to send it with the answer."
        )
    written = _get(usage, "cache_creation")
    for_an_hour = _count(written, "ephemeral_1h_input_tokens")
    created = _count(usage, "cache_creation_input_tokens")
    for_minutes = max(created - for_an_hour, _count(written, "ephemeral_5m_input_tokens"))
    asked, answered = _sides(usage, "input_tokens", "output_tokens")
    return {
        "input_tokens": asked,
        "cached_tokens": _count(usage, "cached_tokens") + _count(usage, "cache_read_input_tokens"),
        "cache_write_tokens": _count(usage, "cache_write_tokens") + for_minutes,
        "cache_write_1h_tokens": _count(usage, "cache_write_1h_tokens") + for_an_hour,
        "reasoning_tokens": _count(usage, "reasoning_tokens"),
        "output_tokens": answered,
    }


def _sides(usage: Any, asked: str, answered: str) -> tuple[int, int]:
    """The tokens of either side. A call counts both, be it as 0: a side that is missing was forgotten, or cut off."""
    total = _get(usage, "total_tokens")
    missing = [side for side in (asked, answered) if _get(usage, side) is None]
    if missing and total is None:
        raise ValueError(f"This usage says no {missing[0]}, and no total_tokens from which to tell them.")
    counts = [_count(usage, asked), _count(usage, answered)]
    if missing:
        counts[(asked, answered).index(missing[0])] = max(_count(usage, "total_tokens") - sum(counts), 0)
    return counts[0], counts[1]


def _get(usage: Any, name: str) -> Any:
    return usage.get(name) if isinstance(usage, Mapping) else getattr(usage, name, None)


def _count(usage: Any, name: str) -> int:
    found = _get(usage, name)
    if found is None:
        return 0
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ValueError(f"A usage counts in whole numbers from 0; its {name} is {found!r}.")
    return found
