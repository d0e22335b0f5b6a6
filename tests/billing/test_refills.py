"""Refills: when they fall due, what they give, and what becomes of what was not spent."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from quickscale_billing import refilling
from quickscale_billing.models import PaidSegment, Refill
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount
from quickscale_credits.signals import balance_depleted
from quickscale_credits.testing import assert_balance
from tests.billing.selling import Subscriber, at, plan
from tests.billing.transactions import rolled_back

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def subscriber(user: Any, clock: Any) -> Subscriber:
    return Subscriber(user)


def test_a_paid_period_gives_the_credits_of_its_plan_until_a_day_after_its_end(subscriber: Subscriber) -> None:
    subscription = subscriber.subscribe(plan("pro", 10_000))
    [grant] = subscription.account.grants.all()
    assert (grant.credit_type, grant.amount) == ("subscription", 10_000)
    assert grant.expires_at == at("2026-02-16T12:00")


def test_at_a_renewal_the_rest_of_the_refill_before_expires(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 10_000))
    ledger.spend(subscriber.owner, 4_000, reason="work")
    clock.move_to(at("2026-02-15T13:00"))
    assert_balance(subscriber.owner, 6_000)
    subscriber.renew()
    assert_balance(subscriber.owner, 10_000)


def test_less_than_a_credit_that_is_left_expires_too(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100))
    ledger.spend(subscriber.owner, "99.999999", reason="work")
    clock.move_to(at("2026-02-15T12:00"))
    subscriber.renew()
    assert_balance(subscriber.owner, 100)


def test_a_yearly_price_bought_on_31_january_refills_at_the_end_of_each_month(
    subscriber: Subscriber, clock: Any
) -> None:
    clock.move_to(at("2026-01-31T09:30"))
    subscriber.subscribe(plan("pro", 100), "year")
    for _ in range(364):
        clock.shift(DAY)
        refilling.sweep()
    assert subscriber.refills[:4] == [("31 Jan", 100), ("28 Feb", 100), ("31 Mar", 100), ("30 Apr", 100)]
    assert len(subscriber.refills) == 12
    assert_balance(subscriber.owner, 100)


def test_a_monthly_price_bought_on_31_january_refills_once_in_each_period(subscriber: Subscriber, clock: Any) -> None:
    clock.move_to(at("2026-01-31T09:30"))
    subscriber.subscribe(plan("pro", 100))
    for _ in range(90):
        clock.shift(DAY)
        if subscriber.state.period_end <= timezone.now():
            subscriber.renew()
        refilling.sweep()
    assert subscriber.refills == [("31 Jan", 100), ("28 Feb", 100), ("31 Mar", 100), ("30 Apr", 100)]


def test_a_daily_plan_drips(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("drip", 3, refill_every="day"))
    for _ in range(40):
        clock.shift(DAY)
        refilling.sweep()
    assert [given for _, given in subscriber.refills] == [3] * 31
    assert_balance(subscriber.owner, 0)


def test_two_sweeps_give_a_refill_once(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100), "year")
    clock.shift(timedelta(days=31))
    assert [refilling.sweep(), refilling.sweep()] == [1, 0]
    assert_balance(subscriber.owner, 100)


def test_a_missed_refill_whose_time_is_over_is_recorded_as_skipped(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100), "year")
    clock.shift(timedelta(days=70))
    refilling.sweep()
    assert subscriber.refills == [("15 Jan", 100), ("15 Feb", 0), ("15 Mar", 100)]
    skipped = Refill.objects.get(state="skipped")
    assert skipped.facts.get().entry is None
    assert_balance(subscriber.owner, 100)


def test_with_rollover_a_missed_refill_is_given_all_the_same(subscriber: Subscriber, clock: Any) -> None:
    subscription = subscriber.subscribe(plan("saver", 100, unused="rollover"), "year")
    clock.shift(timedelta(days=70))
    refilling.sweep()
    assert_balance(subscriber.owner, 300)
    assert {grant.expires_at for grant in subscription.account.grants.all()} == {None}


def test_a_rollover_cap_limits_what_is_carried_over(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("saver", 100, unused="rollover", rollover_cap=150), "year")
    for total in [200, 250, 250]:
        clock.shift(timedelta(days=31))
        refilling.sweep()
        assert_balance(subscriber.owner, total)


def test_a_refill_missed_with_a_cap_is_given_and_then_capped(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("saver", 100, unused="rollover", rollover_cap=150), "year")
    clock.shift(timedelta(days=100))
    refilling.sweep()
    assert_balance(subscriber.owner, 250)


def test_a_drip_lasts_at_most_one_day_longer_than_its_day(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("drip", 3, refill_every="day"))
    clock.shift(2 * DAY)
    assert_balance(subscriber.owner, 0)


def test_a_week_that_the_end_of_the_month_cuts_short_gives_its_share(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("weekly", 70, refill_every="week"))
    for _ in range(30):
        clock.shift(DAY)
        refilling.sweep()
    assert [given for _, given in subscriber.refills] == [70, 70, 70, 70, 30]


def test_a_period_shorter_than_the_refill_gives_its_share(subscriber: Subscriber) -> None:
    subscriber.subscribe(plan("pro", 3_100), "week")
    assert_balance(subscriber.owner, 700)


def test_refills_stop_when_the_subscription_ends(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100), "year")
    clock.shift(10 * DAY)
    subscriber.end()
    assert_balance(subscriber.owner, 100)
    clock.shift(timedelta(days=60))
    assert refilling.sweep() == 0
    assert_balance(subscriber.owner, 0)
    assert not PaidSegment.objects.get().is_credited_back


def test_terms_are_those_of_the_day_on_which_the_period_was_paid(subscriber: Subscriber, clock: Any) -> None:
    pro = plan("pro", 100)
    subscriber.subscribe(pro, "year")
    type(pro).objects.update(credits=Decimal(1), unused="rollover", refill_every="day")
    clock.shift(timedelta(days=31))
    refilling.sweep()
    assert_balance(subscriber.owner, 100)


def test_what_is_held_at_a_renewal_can_still_be_captured(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100))
    clock.move_to(at("2026-02-15T12:55"))
    hold = ledger.hold(subscriber.owner, 30, reason="work")
    subscriber.renew()
    ledger.capture(hold)
    assert_balance(subscriber.owner, 100)


def test_no_sign_of_an_empty_balance_is_given_when_one_refill_follows_another(
    subscriber: Subscriber, clock: Any, django_capture_on_commit_callbacks: Any
) -> None:
    depleted: list[Any] = []
    subscriber.subscribe(plan("pro", 100))
    clock.move_to(at("2026-02-15T13:00"))
    balance_depleted.connect(lambda **about: depleted.append(about), weak=False, dispatch_uid="test")
    with django_capture_on_commit_callbacks(execute=True):
        subscriber.renew()
    balance_depleted.disconnect(dispatch_uid="test")
    assert not depleted


def test_a_ledger_that_is_damaged_keeps_nobody_else_waiting(subscriber: Subscriber, clock: Any) -> None:
    pro = plan("pro", 100)
    damaged = Subscriber(get_user_model().objects.create_user("grace"))
    damaged.subscribe(pro, "year")
    subscriber.subscribe(pro, "year")
    clock.shift(timedelta(days=31))
    with rolled_back():
        CreditAccount.objects.filter(owner=damaged.owner).update(balance=10**12 * 9)
        assert refilling.sweep() == 1
        assert_balance(subscriber.owner, 100)
