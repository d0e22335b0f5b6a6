"""Durations in classes, so that percentiles of a year need not look at every run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from django.db.models import BigIntegerField, Case, Q, Value, When

ONE = timedelta(microseconds=1)
# Each is at most 28 % above the one before, from a millisecond to more than two hours.
STEPS = (1000, 1250, 1600, 2000, 2500, 3200, 4000, 5000, 6400, 8000)
DECADES = [[step * 10**power for step in STEPS] for power in range(7)]
LONGEST = 366 * 24 * 3600 * 10**6


def class_of(column: str) -> Case:
    """The least bound, in microseconds, that the duration does not exceed. By decades, to compare less."""
    decades = [When(_is_within(column, decade[-1]), then=_in_decade(column, decade)) for decade in DECADES]
    return Case(*decades, default=Value(LONGEST), output_field=BigIntegerField())


def _in_decade(column: str, decade: list[int]) -> Case:
    steps = [When(_is_within(column, step), then=Value(step)) for step in decade[:-1]]
    return Case(*steps, default=Value(decade[-1]), output_field=BigIntegerField())


def _is_within(column: str, bound: int) -> Q:
    return Q(**{f"{column}__lte": bound * ONE})


def percentile(percent: int, counted: Iterable[tuple[int, int]]) -> Decimal | None:
    """In seconds: the least bound that so many of a hundred do not exceed. None of nothing."""
    classes = sorted(counted)
    total = sum(number for _, number in classes)
    below = 0
    for bound, number in classes:
        below += number
        if below * 100 >= total * percent:
            return Decimal(bound) / 10**6
    return None
