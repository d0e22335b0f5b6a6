"""Seals stand in databases for years: the same row has the same seal in every version, from every database."""

from datetime import UTC, datetime
from typing import Any

import pytest

from quickscale_credits.ledger.sealing import seal

NOON = datetime(2026, 1, 15, 12, 0, 0, 123_456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "known"),
    [
        ([], -1_970_711_489_451_281_740),
        ([7, -1_000_000, "text", "", None], -6_645_766_136_497_806_849),
        ([NOON], -9_217_948_065_174_138_410),
        ([{}], 137_279_666_008_780_115),
        ([{"b": [1, {"d": 2, "c": 0.5}], "a": True}], 6_411_210_445_530_185_896),
    ],
)
def test_a_seal_is_what_it_always_was(values: list[Any], known: int) -> None:
    assert seal(values) == known


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (NOON, NOON.replace(microsecond=123_000)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": [1e16, {"b": -0.0}]}, {"a": [10**16, {"b": 0}]}),
    ],
)
def test_what_a_database_gives_back_otherwise_has_the_same_seal(written: Any, read: Any) -> None:
    assert seal([written]) == seal([read])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NOON, NOON.replace(microsecond=124_000)),
        ({"a": 1}, {"a": 2}),
        ({"a": 0.5}, {"a": 0}),
        ({}, {"a": None}),
        (None, ""),
    ],
)
def test_what_is_another_value_has_another_seal(one: Any, other: Any) -> None:
    assert seal([one]) != seal([other])
