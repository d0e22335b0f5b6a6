"""Trials: their own credits, once for each owner, until the first period is paid."""

from datetime import timedelta
from typing import Any

import pytest

from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import Fact, PlanPrice
from quickscale_credits.testing import assert_balance
from tests.billing.selling import Subscriber, at, plan

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def subscriber(user: Any, clock: Any) -> Subscriber:
    return Subscriber(user)


def test_a_trial_gives_its_own_credits_until_the_first_paid_period(subscriber: Subscriber, clock: Any) -> None:
    pro = plan("pro", 10_000, signup_bonus=1_000, trial_days=7, trial_credits=50)
    subscription = subscriber.subscribe(pro, trial=7 * DAY)
    assert subscription.account.grants.get().expires_at == subscription.trial_end
    assert Fact.objects.get().note == ""
    assert_balance(subscriber.owner, 50)
    clock.shift(7 * DAY + HOUR)
    subscriber.renew()
    assert_balance(subscriber.owner, 11_000)


def test_a_trial_that_is_paid_early_ends_its_credits(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100, trial_credits=50), trial=7 * DAY)
    clock.shift(DAY)
    subscriber.change(trial_end=at("2026-01-16T12:00"), billing_anchor=at("2026-01-16T12:00"))
    subscriber.pay_period(at("2026-01-16T12:00"))
    subscriber.tell()
    assert_balance(subscriber.owner, 100)


def test_an_owner_has_one_trial_ever(subscriber: Subscriber, clock: Any) -> None:
    pro = plan("pro", 100, trial_credits=50)
    subscriber.subscribe(pro, trial=7 * DAY)
    subscriber.end()
    Subscriber(subscriber.owner).subscribe(pro, trial=7 * DAY)
    assert_balance(subscriber.owner, 50)


def test_a_trial_that_was_over_before_it_was_heard_of_gives_nothing_and_is_used_up(
    subscriber: Subscriber, clock: Any
) -> None:
    pro = plan("pro", 100, trial_credits=50)
    subscriber.gets_through = False
    subscriber.subscribe(pro, trial=7 * DAY)
    subscriber.gets_through = True
    clock.shift(8 * DAY)
    subscriber.tell()
    assert_balance(subscriber.owner, 0)
    fact = Fact.objects.get()
    assert (fact.kind, fact.worth, fact.note) == ("trial", 0, "It was over before it could be given.")


def test_a_trial_that_was_broken_off_before_it_was_heard_of_gives_nothing(subscriber: Subscriber, clock: Any) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100, trial_credits=50), trial=7 * DAY)
    subscriber.gets_through = True
    clock.shift(DAY)
    subscriber.end()
    assert_balance(subscriber.owner, 0)
    assert Fact.objects.get().note == "It was over before it could be given."


@pytest.mark.parametrize("status", ["incomplete", "incomplete_expired"])
def test_a_trial_of_what_never_began_is_not_used_up(subscriber: Subscriber, status: str) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100, trial_credits=50), trial=7 * DAY)
    subscriber.gets_through = True
    subscriber.change(status=status)
    subscriber.tell()
    assert not Fact.objects.exists()


@pytest.mark.parametrize("unknown", ["trial_start", "trial_end"])
def test_what_begins_or_ends_nowhere_is_no_trial(subscriber: Subscriber, unknown: str) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100, trial_credits=50), trial=7 * DAY)
    subscriber.gets_through = True
    subscriber.change(**{unknown: None})
    subscriber.tell()
    assert not Fact.objects.filter(kind="trial").exists()


def test_a_trial_at_a_price_that_is_of_no_plan_is_kept_until_the_catalog_names_it(subscriber: Subscriber) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100, trial_credits=50), trial=7 * DAY)
    subscriber.gets_through = True
    PlanPrice.objects.filter(interval="month").update(stripe_price_id=None)
    with pytest.raises(Unsettled, match="price_pro_month is of no plan"):
        subscriber.tell()
    PlanPrice.objects.filter(interval="month").update(stripe_price_id="price_pro_month")
    subscriber.tell()
    assert_balance(subscriber.owner, 50)


def test_in_a_trial_the_plan_changes_and_credits_do_not(subscriber: Subscriber) -> None:
    subscriber.subscribe(plan("basic", 500, trial_credits=50), trial=7 * DAY)
    plan("pro", 2_000, trial_credits=900)
    subscriber.change(price_id="price_pro_month")
    subscription = subscriber.tell()
    assert subscription.plan.slug == "pro"
    assert_balance(subscriber.owner, 50)
