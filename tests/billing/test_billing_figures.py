"""Every figure about sales equals what plain Python finds in the rows, to the minor unit."""

import os
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from quickscale_billing.analytics import rollups
from quickscale_credits import analytics
from tests.billing.books import (
    Books,
    answers,
    check_customers,
    check_failures,
    check_liability,
    check_recurring,
    check_reporting,
    check_revenue,
)
from tests.billing.trade import Trade
from tests.figures import assert_compared

KEYS = ("revenue", "mrr", "customers", "failed-payments", "liability")
PEOPLE = 2_000 if os.environ.get("QUICKSCALE_FULL_SCALE") else 35
ZONES = ["UTC", "America/Los_Angeles", "Asia/Kolkata"]


def periods():
    today = analytics.Period.last_days(1).end
    return [
        analytics.Period.last_days(30),
        analytics.Period.last_months(12),
        analytics.Period(start=today - timedelta(days=200), end=today - timedelta(days=33)),
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_figures_equal_an_independent_computation(db, settings, zone):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": zone}
    settings.QUICKSCALE_BILLING = {"REPORTING_CURRENCY": "usd", "REPORTING_RATES": {"jpy": "0.0067", "kwd": "3.25"}}
    Trade(PEOPLE, seed=ZONES.index(zone)).run()
    if zone != "UTC":
        assert sum(rollups.roll_up()) > 5
    books = Books()
    assert len(books.backs) > 5
    for period in periods():
        check_revenue(books, period)
        check_recurring(books, period)
        check_reporting(books, period)
        check_customers(books, period)
        check_failures(period)
        assert_compared(period, "quickscale_billing")
        check_liability(period)


@pytest.mark.parametrize(
    ("key", "table"), [("revenue", "salesrollup"), ("mrr", "valuechange"), ("customers", "valuechange")]
)
def test_what_is_compared_is_read_in_one_statement(db, key, table):
    with CaptureQueriesContext(connection) as found:
        answers(key, periods()[1])
    assert sum(table in query["sql"] for query in found.captured_queries) == 1


def test_a_business_that_has_sold_nothing_has_figures_of_nothing(db):
    for key in KEYS:
        for period in periods():
            figures, _, _ = answers(key, period)
            assert set(figures.values()) <= {0, None}


@pytest.mark.parametrize("key", KEYS)
def test_a_longer_period_takes_no_more_queries(db, key):
    Trade(4, seed=1).run()
    with CaptureQueriesContext(connection) as few:
        answers(key, analytics.Period.last_days(7))
    with CaptureQueriesContext(connection) as many:
        answers(key, analytics.Period.last_months(24))
    assert len(many) == len(few) <= 15
