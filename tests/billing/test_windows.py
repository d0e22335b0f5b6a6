"""When refills fall due: anchors do not drift, and windows cover paid time without gap or overlap."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickscale_billing.models import Interval
from quickscale_billing.windows import SLACK, counted_from, moment, windows
from tests.billing.selling import at

pytestmark = pytest.mark.once

# Whole seconds, as Stripe counts.
moments = st.integers(1_577_836_800, 2_082_758_399).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
intervals = st.sampled_from([Interval.DAY, Interval.WEEK, Interval.MONTH, Interval.YEAR])


def starts(anchor: str, every: str, ends_at: str) -> list[str]:
    return [f"{each.starts_at:%d %b}" for each in windows(at(anchor), every, at(anchor), at(ends_at))]


def test_a_year_from_31_january_refills_at_each_month_end() -> None:
    expected = ["31 Jan", "28 Feb", "31 Mar", "30 Apr", "31 May", "30 Jun", "31 Jul", "31 Aug", "30 Sep", "31 Oct"]
    assert starts("2026-01-31T10:00", "month", "2027-01-31T10:00") == [*expected, "30 Nov", "31 Dec"]


def test_in_a_leap_year_february_has_its_29th() -> None:
    assert starts("2028-01-31T10:00", "month", "2028-04-30T10:00") == ["31 Jan", "29 Feb", "31 Mar"]


def test_a_year_from_29_february_ends_on_the_28th() -> None:
    assert moment(at("2028-02-29T00:00"), "year", 1) == at("2029-02-28T00:00")
    assert moment(at("2028-02-29T00:00"), "year", 4) == at("2032-02-29T00:00")


def test_a_period_from_28_february_to_31_march_is_one_month() -> None:
    [window] = windows(at("2026-02-28T10:00"), "month", at("2026-02-28T10:00"), at("2026-03-31T10:00"))
    assert window.full_length == window.ends_at - window.starts_at


def test_a_moment_of_the_anchor_is_counted_from_it() -> None:
    anchor = at("2026-01-31T10:00")
    assert counted_from(anchor, "month", at("2026-02-28T10:00")) == anchor
    assert counted_from(anchor, "month", at("2026-02-27T10:00")) == at("2026-02-27T10:00")
    assert counted_from(None, "month", at("2026-02-27T10:00")) == at("2026-02-27T10:00")


def test_what_the_end_of_the_paid_time_cuts_short_knows_its_full_length() -> None:
    *_, last = windows(at("2026-01-01T00:00"), "week", at("2026-01-01T00:00"), at("2026-02-01T00:00"))
    assert (last.ends_at - last.starts_at, last.full_length) == (timedelta(days=3), timedelta(days=7))


@given(moments, intervals, st.integers(0, 200))
def test_a_moment_is_found_again_from_its_anchor(anchor: datetime, every: Interval, number: int) -> None:
    assert counted_from(anchor, every, moment(anchor, every, number)) == anchor


@given(moments, intervals, st.integers(0, 50), st.integers(0, 50))
def test_moments_never_go_back(anchor: datetime, every: Interval, first: int, more: int) -> None:
    assert moment(anchor, every, first) < moment(anchor, every, first + more + 1)


@given(moments, intervals, st.timedeltas(timedelta(hours=1), timedelta(days=400)))
def test_windows_cover_the_paid_time_without_gap_or_overlap(
    starts_at: datetime, every: Interval, length: timedelta
) -> None:
    found = list(windows(starts_at, every, starts_at, starts_at + length))
    assert (found[0].starts_at, found[-1].ends_at) == (starts_at, starts_at + length)
    assert all(one.ends_at == other.starts_at for one, other in pairwise(found))
    assert all(window.starts_at < window.ends_at for window in found)


@given(moments, intervals, st.timedeltas(timedelta(hours=1), timedelta(days=400)))
def test_no_window_is_worth_more_than_one_refill(starts_at: datetime, every: Interval, length: timedelta) -> None:
    for window in windows(starts_at, every, starts_at, starts_at + length):
        assert window.ends_at - window.starts_at <= window.full_length
        assert window.full_length - SLACK <= moment(window.starts_at, every, 1) - window.starts_at
