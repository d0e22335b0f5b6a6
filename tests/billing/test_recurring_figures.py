"""What a month of the business is worth, and the credits that are still owed for it."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection

from quickscale_billing.models import (
    Invoice,
    PaidSegment,
    PlanSubscription,
)
from quickscale_credits import analytics, ledger
from tests.billing.books import answers
from tests.billing.selling import Subscriber, plan


def mrr(period=None):
    figures, _, _ = answers("mrr", period or analytics.Period.last_days(30))
    return {key: value for (key, of), value in figures.items() if of == "usd" and value}


def test_a_yearly_price_counts_by_the_month_and_an_upgrade_is_an_expansion(user, clock):
    small, large = plan("small", 1), plan("large", 3)
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    subscriber.subscribe(small, "year")
    clock.shift(timedelta(days=40))
    assert mrr()["mrr"] == 833  # 10,000 ÷ 12
    subscriber.change_price(large)
    assert mrr() == {"mrr": 2_500, "arr": 30_000, "expansion": 1_667, "arpu": 2_500}


def test_a_discount_lowers_what_a_month_is_worth(user, clock):
    subscriber = Subscriber(user, discount=25)
    subscriber.subscribe(plan("small", 1))
    assert mrr() == {"mrr": 750, "arr": 9_000, "new": 750, "arpu": 750}


@pytest.mark.parametrize("discount", [0, 25, 100])
def test_periods_booked_before_their_value_was_written_down_are_given_it_by_a_migration(user, clock, discount):
    small, large = plan("small", 1), plan("large", 3)
    subscriber = Subscriber(user, discount=discount)
    subscriber.subscribe(small, "year")
    clock.shift(timedelta(days=40))
    subscriber.change_price(large)
    known = list(PaidSegment.objects.values_list("monthly", flat=True))
    assert len(known) == 2
    first = Invoice.objects.order_by("pk").first()
    Invoice.objects.filter(pk=first.pk).update(subtotal=10_000, discount=100 * discount)
    PaidSegment.objects.update(monthly=0)
    migration = import_module("quickscale_billing.migrations.0006_monthly_value_of_earlier_periods")
    migration.write_down_what_a_month_was_worth(apps, SimpleNamespace(connection=connection))
    assert list(PaidSegment.objects.values_list("monthly", flat=True)) == known


def test_who_leaves_is_churn_and_who_comes_back_is_no_new_customer(user, clock):
    small = plan("small", 1)
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    first = Subscriber(user)
    first.subscribe(small)
    clock.shift(timedelta(days=10))
    first.end()
    assert mrr(analytics.Period.last_days(5)) == {"churned": 1_000}
    clock.shift(timedelta(days=60))
    Subscriber(user).subscribe(small)
    assert mrr(analytics.Period.last_days(5)) == {"mrr": 1_000, "arr": 12_000, "reactivated": 1_000, "arpu": 1_000}


def test_who_begins_with_a_month_belongs_to_it(user, clock):
    clock.move_to(datetime(2026, 2, 1, tzinfo=UTC))
    Subscriber(user).subscribe(plan("small", 1), "year")
    clock.shift(timedelta(days=40))
    _, _, tables = answers("customers", analytics.Period.last_months(12))
    assert [row[:3] for row in tables["cohorts"]] == [["2026-02", 1, 100]]


def test_a_collection_that_is_paused_ends_the_monthly_value_a_day_after_what_was_paid(user, clock):
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("small", 1))
    clock.move_to(datetime(2026, 2, 10, 20, tzinfo=UTC))
    assert mrr()["mrr"] == 1_000  # its renewal is being collected
    clock.move_to(datetime(2026, 2, 12, 12, tzinfo=UTC))
    assert "mrr" not in mrr()


def test_a_late_payment_counts_until_it_is_given_up(user, clock):
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("small", 1))
    clock.move_to(datetime(2026, 2, 20, 12, tzinfo=UTC))
    subscriber.change(status="past_due")
    subscriber.tell()
    assert mrr()["mrr"] == 1_000
    subscriber.end()
    assert mrr(analytics.Period.last_days(20)) == {"churned": 1_000}


def test_an_end_cuts_what_was_paid_beyond_it_though_later_time_was_paid_too(user, clock):
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    paid = subscriber.subscribe(plan("small", 1)).segments.get()
    later = {"starts_at": paid.ends_at + timedelta(days=5), "ends_at": paid.ends_at + timedelta(days=35)}
    PaidSegment.objects.create(**copied(paid), **later)
    PlanSubscription.objects.update(status="canceled", ended_at=paid.starts_at + timedelta(days=10))
    clock.shift(timedelta(days=9))
    assert mrr()["mrr"] == 1_000
    clock.shift(timedelta(days=2))
    assert mrr(analytics.Period.last_days(5)) == {"churned": 1_000}
    clock.shift(timedelta(days=30))
    assert mrr(analytics.Period.last_days(5)) == {}


def copied(segment):
    own = ("id", "starts_at", "ends_at", "stripe_line_id")
    names = [each.attname for each in PaidSegment._meta.fields if each.attname not in own]
    return {name: getattr(segment, name) for name in names} | {"stripe_line_id": "il_later"}


def test_credits_of_a_refill_are_worth_what_was_paid_for_them(user, clock):
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("small", 100, signup_bonus=50), "year")
    ledger.spend(user, 75, reason="run")  # the refill expires first
    figures, _, _ = answers("liability", analytics.Period.last_days(7))
    # 1,000,000 a year is 83,333 a month for 100 credits
    assert figures == {("liability", "usd"): 20_833, ("known", ""): 25, ("unknown", ""): 50}
