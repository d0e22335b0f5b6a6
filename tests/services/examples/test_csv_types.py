"""Which types a value fits."""

import pytest

from quickscale_services.examples.csv_types import readings

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("42", ["integer", "decimal"]),
        ("-7", ["integer", "decimal"]),
        ("3.50", ["decimal"]),
        ("3,50", ["decimal"]),
        ("6.02e23", ["decimal"]),
        ("TRUE", ["boolean"]),
        ("2026-02-28", ["date"]),
        ("2026-02-28T09:30:00+02:00", ["date and time"]),
        ("28.02.2026", ["date, day first"]),
        ("28/02/2026", ["date, day first"]),
        ("02/28/2026", ["date, month first"]),
        ("01/02/2026", ["date, day first", "date, month first"]),
    ],
)
def test_a_value_fits_what_it_looks_like(value: str, types: list[str]):
    assert list(readings(value)) == types


@pytest.mark.parametrize(
    "value", ["01234", "1,234.50", "2026-02-30", "31.02.2026", "2026-13-01 25:00", "٣", "1e999", "NaN", "9" * 60, "x"]
)
def test_codes_and_impossible_days_fit_nothing(value: str):
    assert readings(value) == {}
