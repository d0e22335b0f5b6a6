"""What is given never exceeds what was paid for, over random histories of changes, trials, spending and time.

granted - what was ended because Stripe credited it back - what is owed for it
    <= the sum over paid segments of terms x length + one bonus + one trial

at each moment, each segment by the share of its money that is kept, and its length counted to the end of the refill at
hand.
"""

import os
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db.models import F, Sum
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from quickscale_billing import refilling
from quickscale_billing.models import Clawback, Fact, PaidSegment, Plan, PlanSubscription
from quickscale_billing.plan_changes import ChangeKind, kind_of
from quickscale_billing.shares import of_invoice
from quickscale_billing.windows import moment
from quickscale_credits import ledger
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import assert_ledger_sound
from tests.billing.selling import Subscriber, plan
from tests.billing.transactions import rolled_back
from tests.conftest import NOON

pytestmark = pytest.mark.once

HISTORIES = int(os.environ.get("QUICKSCALE_BOUND_HISTORIES", 25))
STEPS = 14
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
PLANS = {
    "basic": {"each_refill": 500, "signup_bonus": 70},
    "pro": {"each_refill": 2_000, "trial_credits": 30},
    "saver": {"each_refill": 700, "unused": "rollover"},
    "capped": {"each_refill": 900, "unused": "rollover", "rollover_cap": 1_000},
    "drip": {"each_refill": 40, "refill_every": "day"},
    "weekly": {"each_refill": 150, "refill_every": "week", "signup_bonus": 10},
}
INTERVALS = ["week", "month", "year"]

step = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(sorted(PLANS)), st.sampled_from(INTERVALS)),
    st.tuples(st.just("wait"), st.integers(1, 50)),
    st.tuples(st.just("wait_hours"), st.integers(1, 30)),
    st.tuples(st.just("spend"), st.integers(1, 100)),
    st.tuples(st.just("pay_back"), st.sampled_from([1, 33, 50, 100])),
    st.tuples(st.sampled_from(["cancel", "resume", "end", "tell", "silence"])),
)


class Customer:
    """An owner who changes plans as our own verbs would: higher at once, lower when the period has ended."""

    def __init__(self, owner: Any, first: str, interval: str, trial: bool) -> None:
        self.plans = {slug: plan(slug, **terms) for slug, terms in PLANS.items()}
        self.owner = owner
        self.buy(first, interval, trial)

    def buy(self, slug: str, interval: str, trial: bool = False) -> None:
        self.subscriber, self.next, self.is_canceled = Subscriber(self.owner), None, False
        self.subscriber.subscribe(self.plans[slug], interval, trial=7 * DAY if trial else None)

    def change(self, slug: str, interval: str) -> None:
        subscriber = self.subscriber
        if subscriber.state.ended_at is not None:
            return self.buy(slug, interval)
        subscriber.gets_through = True
        price = self.plans[slug].prices.get(interval=interval)
        kind = kind_of(subscriber.tell(), price)
        if kind is ChangeKind.UPGRADE:
            subscriber.change_price(self.plans[slug], interval)
        elif kind in (ChangeKind.TRIAL, ChangeKind.BACK):
            subscriber.change(price_id=price.stripe_price_id)
        self.next = price.stripe_price_id if kind is ChangeKind.DOWNGRADE else None
        return None

    def wait(self, days: int) -> None:
        self.wait_until(timezone.now() + days * DAY)

    def wait_hours(self, hours: int) -> None:
        self.wait_until(timezone.now() + timedelta(hours=hours))

    def wait_until(self, moment: Any) -> None:
        state = self.subscriber.state
        while state.ended_at is None and state.period_end <= moment:
            self.clock.move_to(state.period_end + timedelta(hours=1))
            self.end() if self.is_canceled else self.renew()
            state = self.subscriber.state
        self.clock.move_to(max(moment, timezone.now()))
        refilling.sweep()

    def renew(self) -> None:
        if self.next:
            anchor = self.subscriber.state.period_end
            self.subscriber.change(price_id=self.next, billing_anchor=anchor)
        self.next = None
        self.subscriber.renew()

    def spend(self, percent: int) -> None:
        amount = ledger.balance(self.owner).available * percent // 100
        if amount > 0:
            ledger.spend(self.owner, amount, reason="work")

    def pay_back(self, percent: int) -> None:
        """More than before, or less: a refund that failed."""
        self.subscriber.pay_back(percent)

    def cancel(self) -> None:
        self.is_canceled = True

    def resume(self) -> None:
        self.is_canceled, self.next = False, None

    def end(self) -> None:
        if self.subscriber.state.ended_at is None:
            self.subscriber.end()

    def tell(self) -> None:
        self.subscriber.gets_through = True
        self.subscriber.tell()

    def silence(self) -> None:
        """Nothing that happens at Stripe is heard of, until something is."""
        self.subscriber.gets_through = False


@settings(
    max_examples=HISTORIES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    first=st.sampled_from(sorted(PLANS)),
    interval=st.sampled_from(INTERVALS),
    trial=st.booleans(),
    steps=st.lists(step, min_size=STEPS // 2, max_size=STEPS),
)
@example("pro", "month", False, [("spend", 100), ("wait", 1), ("change", "pro", "year")])
@example("saver", "month", False, [("wait", 1), ("change", "saver", "year"), ("wait", 40)])
@example("basic", "month", False, [("spend", 100), ("wait", 15), ("change", "drip", "month"), ("wait", 9)])
@example("basic", "year", True, [("wait", 40), ("silence",), ("change", "pro", "year"), ("wait", 30), ("tell",)])
@example("basic", "month", False, [("wait", 10), ("change", "pro", "month"), ("pay_back", 100), ("wait", 30)])
@example("basic", "year", False, [("spend", 100), ("pay_back", 50), ("wait", 40), ("pay_back", 100), ("wait", 40)])
@pytest.mark.once
def test_no_history_gives_more_than_was_paid_for(
    user: Any, clock: Any, first: str, interval: str, trial: bool, steps: list[Any]
) -> None:
    Customer.clock = clock
    clock.move_to(NOON)
    with rolled_back():
        customer = Customer(user, first, interval, trial)
        for verb, *arguments in steps:
            getattr(customer, verb)(*arguments)
            assert given_so_far() <= paid_for(), "\n".join(map(str, [first, interval, trial, verb, *steps]))
        assert_ledger_sound()


def given_so_far() -> Fraction:
    """Less what was ended because Stripe credited its time back, what later refills will give less for it, and what was
    taken because its money went back, or had expired before."""
    kinds = [Fact.Kind.REFILL, Fact.Kind.UPGRADE, Fact.Kind.PERIOD, Fact.Kind.TRIAL, Fact.Kind.BONUS]
    granted = Fact.objects.filter(kind__in=kinds).aggregate(sum=Sum("entry__amount"))["sum"] or Decimal(0)
    ended = LedgerEntry.objects.filter(kind="expiry", reason="plan_change").aggregate(sum=Sum("amount"))["sum"]
    taken = Fact.objects.filter(kind=Fact.Kind.CLAWBACK).aggregate(sum=Sum("entry__amount"))["sum"]
    gone = Clawback.objects.aggregate(sum=Sum(F("wanted") - F("taken")))["sum"]
    owed = PlanSubscription.objects.aggregate(sum=Sum("overdrawn"))["sum"]
    return Fraction(granted) + Fraction(ended or 0) + Fraction(taken or 0) - Fraction(gone or 0) - Fraction(owed or 0)


def paid_for() -> Fraction:
    segments = sum((worth(segment) for segment in PaidSegment.objects.all()), Fraction(0))
    return segments + Fraction(max(row.signup_bonus for row in Plan.objects.all())) + 30


def worth(segment: PaidSegment) -> Fraction:
    """Terms x length: the length in refills, a month as long as the months it is made of."""
    ends_at = segment.lasts_until if segment.is_credited_back else segment.ends_at
    origin = segment.period.starts_at if segment.period else segment.starts_at
    kept = of_invoice(segment.stripe_invoice_id)
    return (
        kept
        * Fraction(segment.credits)
        * (length(segment, origin, ends_at) - length(segment, origin, segment.starts_at))
    )


def length(segment: PaidSegment, origin: Any, until: Any) -> Fraction:
    anchor, number, total = segment.anchor, first_number(segment, origin), Fraction(0)
    begins = origin
    while begins < until and begins <= timezone.now():
        ends = moment(anchor, segment.refill_every, number + 1)
        total += Fraction((min(ends, until) - begins) // SECOND, (ends - begins) // SECOND)
        begins, number = ends, number + 1
    return total


def first_number(segment: PaidSegment, origin: Any) -> int:
    numbers = range(10_000)
    return next(number for number in numbers if moment(segment.anchor, segment.refill_every, number + 1) > origin)


def test_a_history_in_which_the_bound_is_reached(user: Any, clock: Any) -> None:
    """So that the bound is known to be no looser than it must be."""
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("basic", 500, signup_bonus=70))
    plan("pro", 2_000, trial_credits=30)
    clock.shift(timedelta(days=15.5))
    subscriber.change_price(Plan.objects.get(slug="pro"))
    assert given_so_far() + 30 == paid_for()
    assert PlanSubscription.objects.get().overdrawn == 0
