"""What a subscription's paid invoices give: periods, bonuses, and changes of plan in their midst."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from quickscale_billing import facts
from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import Customer, Fact, Invoice, PaidSegment, PlanPrice, PlanSubscription
from quickscale_billing.payments import Money
from quickscale_credits import ledger
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.testing import assert_balance
from tests.billing.selling import Subscriber, at, facts_of, invoice, plan

HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=31)


@pytest.fixture
def subscriber(user: Any, clock: Any) -> Subscriber:
    return Subscriber(user)


def test_story_17_credits_bonus_and_the_hour_between_two_periods(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 10_000, signup_bonus=1_000))
    assert_balance(subscriber.owner, 11_000)
    clock.shift(MONTH + HOUR)
    assert_balance(subscriber.owner, 11_000)
    subscriber.renew()
    assert_balance(subscriber.owner, 11_000)
    assert ledger.balance(subscriber.owner).by_type == {
        "subscription": 10_000,
        "promotional": 1_000,
        "pay_as_you_go": 0,
    }


def test_nothing_is_booked_twice_however_often_it_is_told(subscriber: Subscriber) -> None:
    subscriber.subscribe(plan("pro", 10_000, signup_bonus=1_000))
    for _ in range(3):
        subscriber.tell()
    assert_balance(subscriber.owner, 11_000)
    assert facts_of(subscriber.owner) == ["period", "bonus", "refill"]


def test_the_bonus_is_given_once_though_the_owner_subscribes_again(subscriber: Subscriber) -> None:
    pro = plan("pro", 100, signup_bonus=10)
    subscriber.subscribe(pro)
    subscriber.end()
    Subscriber(subscriber.owner).subscribe(pro)
    assert ledger.balance(subscriber.owner).by_type["promotional"] == 10


def test_a_period_that_a_discount_covered_wholly_gives_credits_and_no_bonus(subscriber: Subscriber, clock: Any) -> None:
    pro = plan("pro", 100, signup_bonus=10)
    subscriber.discount = 100
    subscriber.subscribe(pro)
    assert_balance(subscriber.owner, 100)
    subscriber.discount = 0
    clock.shift(MONTH)
    subscriber.renew()
    assert_balance(subscriber.owner, 110)


def test_an_upgrade_is_not_a_first_period(subscriber: Subscriber) -> None:
    subscriber.subscribe(plan("basic", 500))
    subscriber.change_price(plan("pro", 2_000, signup_bonus=10))
    assert ledger.balance(subscriber.owner).by_type["promotional"] == 0


def test_story_19_an_upgrade_halfway_gives_the_difference_for_the_time_left(subscriber: Subscriber, clock: Any) -> None:
    basic, pro = plan("basic", 500), plan("pro", 2_000)
    subscriber.subscribe(basic)
    clock.shift(MONTH / 2)
    subscriber.change_price(pro)
    assert_balance(subscriber.owner, 1_250)
    subscriber.change_price(basic)
    subscriber.change_price(pro)
    assert_balance(subscriber.owner, 1_250)


def test_an_upgrade_gives_the_same_whatever_was_spent(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("basic", 500))
    ledger.spend(subscriber.owner, 500, reason="work")
    clock.shift(MONTH / 2)
    subscriber.change_price(plan("pro", 2_000))
    assert_balance(subscriber.owner, 750)


def test_what_an_upgrade_gives_expires_with_the_refill(subscriber: Subscriber, clock: Any) -> None:
    subscription = subscriber.subscribe(plan("basic", 500))
    clock.shift(MONTH / 2)
    subscriber.change_price(plan("pro", 2_000))
    assert {grant.expires_at for grant in subscription.account.grants.all()} == {at("2026-02-16T12:00")}
    clock.shift(MONTH / 2)
    subscriber.renew()
    assert_balance(subscriber.owner, 2_000)


def test_the_difference_is_rounded_down_at_the_sixth_place(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("basic", 0))
    clock.shift(MONTH * 2 / 3)
    subscriber.change_price(plan("pro", 1))
    assert_balance(subscriber.owner, "0.333333")


def test_what_an_upgrade_would_give_is_told_and_not_given(subscriber: Subscriber, clock: Any) -> None:
    subscription = subscriber.subscribe(plan("basic", 500))
    clock.shift(MONTH / 2)
    subscriber.gets_through = False
    subscriber.change_price(plan("pro", 2_000))
    assert facts.worth_of(subscription, subscriber.invoices[-1]) == 750
    assert_balance(subscriber.owner, 500)
    assert not Fact.objects.filter(kind="upgrade").exists()
    assert PaidSegment.objects.count() == 1


def test_what_cannot_be_booked_would_give_nothing(subscriber: Subscriber, clock: Any) -> None:
    subscription = subscriber.subscribe(plan("basic", 500))
    subscriber.gets_through = False
    subscriber.change_price(plan("pro", 2_000))
    PlanPrice.objects.filter(plan__slug="pro").update(stripe_price_id=None)
    assert facts.worth_of(subscription, subscriber.invoices[-1]) == 0


def test_with_full_an_upgrade_fills_up_to_a_whole_refill(subscriber: Subscriber, clock: Any, settings: Any) -> None:
    settings.QUICKSCALE_BILLING = {"PLAN_CHANGE_CREDITS": "full"}
    basic, pro = plan("basic", 500), plan("pro", 2_000)
    subscriber.subscribe(basic)
    clock.shift(MONTH / 2)
    subscriber.change_price(pro)
    assert_balance(subscriber.owner, 2_000)
    subscriber.change_price(basic)
    subscriber.change_price(pro)
    assert_balance(subscriber.owner, 2_000)


def test_an_upgrade_in_a_yearly_period_raises_the_refills_that_follow(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("basic", 500), "year")
    clock.shift(MONTH / 2)
    subscriber.change_price(plan("pro", 2_000))
    clock.move_to(at("2026-02-15T12:00"))
    subscriber.tell()
    assert_balance(subscriber.owner, 2_000)
    assert subscriber.refills == [("15 Jan", 1_250), ("15 Feb", 2_000)]


def test_an_upgrade_that_is_heard_of_late_raises_a_refill_that_was_given_meanwhile(
    subscriber: Subscriber, clock: Any
) -> None:
    subscriber.subscribe(plan("basic", 500), "year")
    clock.move_to(at("2026-02-15T12:00"))
    subscriber.tell()
    subscriber.change_price(plan("pro", 2_000), at=at("2026-02-01T00:00"))
    assert_balance(subscriber.owner, 2_000)


def test_to_a_plan_with_another_cadence_the_old_refill_ends(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("basic", 310))
    clock.shift(10 * DAY)
    subscriber.change_price(plan("drip", 50, refill_every="day"))
    assert_balance(subscriber.owner, 50)
    clock.shift(DAY)
    subscriber.tell()
    assert_balance(subscriber.owner, 50)


def test_story_22_monthly_unused_then_yearly_a_day_later(subscriber: Subscriber, clock: Any) -> None:
    pro = plan("pro", 10_000)
    subscriber.subscribe(pro)
    clock.shift(DAY)
    subscriber.change_price(pro, "year")
    assert_balance(subscriber.owner, 10_000)
    clock.shift(MONTH)
    subscriber.tell()
    assert_balance(subscriber.owner, 10_000)


def test_monthly_then_yearly_in_the_same_second(subscriber: Subscriber, clock: Any) -> None:
    pro = plan("pro", 10_000)
    subscriber.subscribe(pro)
    subscriber.change_price(pro, "year")
    assert_balance(subscriber.owner, 10_000)
    clock.shift(MONTH)
    subscriber.tell()
    assert_balance(subscriber.owner, 10_000)
    assert subscriber.refills == [("15 Jan", 10_000), ("15 Feb", 10_000)]


def test_with_rollover_what_stripe_credited_back_ends_and_the_rest_is_carried(
    subscriber: Subscriber, clock: Any
) -> None:
    saver = plan("saver", 3_100, unused="rollover")
    subscriber.subscribe(saver)
    clock.shift(DAY)
    subscriber.change_price(saver, "year")
    assert_balance(subscriber.owner, 3_200)


def test_what_was_credited_back_comes_off_the_newest_of_what_gave_the_refill_first(
    subscriber: Subscriber, clock: Any
) -> None:
    pro = plan("pro", 2_000)
    subscriber.subscribe(plan("basic", 500))
    clock.shift(MONTH / 2)
    subscriber.change_price(pro)
    subscriber.change_price(pro, "year")
    first = PlanSubscription.objects.get().refills.earliest("starts_at")
    worths = first.facts.order_by("pk").values_list("kind", "worth", "credited_back")
    assert list(worths) == [("refill", 250, 250), ("upgrade", 0, 750)]
    assert_balance(subscriber.owner, 2_000)


def test_of_a_refill_whose_money_was_away_nothing_is_credited_back(subscriber: Subscriber, clock: Any) -> None:
    pro = plan("pro", 3_100)
    subscriber.subscribe(pro, "year")
    subscriber.pay_back(100)
    clock.move_to(at("2026-02-15T12:00"))
    subscriber.tell()
    subscriber.pay_back(0)
    assert_balance(subscriber.owner, 3_100)
    clock.shift(DAY)
    subscriber.change_price(pro, "month")
    assert set(Fact.objects.filter(kind="refill", entry=None).values_list("credited_back", flat=True)) == {0}


def test_what_was_spent_of_a_time_that_was_credited_back_comes_off_the_next_refill(
    subscriber: Subscriber, clock: Any
) -> None:
    pro = plan("pro", 3_100)
    subscriber.subscribe(pro)
    ledger.spend(subscriber.owner, 3_100, reason="work")
    clock.shift(DAY)
    subscriber.change_price(pro, "year")
    assert_balance(subscriber.owner, 100)
    clock.shift(MONTH)
    subscriber.tell()
    assert_balance(subscriber.owner, 3_100)


def test_a_change_waits_for_the_period_it_is_made_in_to_be_paid(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("basic", 500))
    clock.shift(MONTH)
    subscriber.pay_period(at("2026-02-15T12:00"))
    renewal = subscriber.invoices.pop()
    clock.shift(HOUR)
    with pytest.raises(Unsettled, match="no period is paid"):
        subscriber.change_price(plan("pro", 2_000))
    subscriber.invoices.insert(1, renewal)
    subscriber.tell()
    assert facts_of(subscriber.owner)[-3:] == ["period", "refill", "upgrade"]


def test_a_period_that_is_paid_late_gives_its_refill_then(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100))
    clock.shift(MONTH + 5 * DAY)
    subscriber.change(status="past_due")
    subscriber.tell()
    assert_balance(subscriber.owner, 0)
    subscriber.renew()
    assert_balance(subscriber.owner, 100)


def test_an_unknown_price_is_kept_until_the_catalog_names_it(subscriber: Subscriber) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100))
    subscriber.gets_through = True
    PlanPrice.objects.filter(interval="month").update(stripe_price_id=None)
    with pytest.raises(Unsettled, match="price_pro_month is of no plan"):
        subscriber.tell()
    assert PlanSubscription.objects.get().plan is None
    PlanPrice.objects.filter(interval="month").update(stripe_price_id="price_pro_month")
    subscriber.tell()
    assert_balance(subscriber.owner, 100)


def test_an_unknown_customer_is_nobody(subscriber: Subscriber) -> None:
    Customer.objects.update(stripe_id="cus_somebody_else")
    with pytest.raises(Unsettled, match="is nobody here"):
        subscriber.subscribe(plan("pro", 100))
    assert not PlanSubscription.objects.exists()


def test_a_customer_that_was_linked_anew_is_drift_and_no_second_grant(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100))
    other = get_user_model().objects.create_user("grace")
    Customer.objects.update(account=open_account(other))
    with pytest.raises(Unsettled, match="Its credits still go to the first"):
        subscriber.tell()
    assert_balance(other, 0)
    assert_balance(subscriber.owner, 100)


@pytest.mark.parametrize(("livemode", "words"), [(False, "test mode; .* live"), (True, "live mode; .* test")])
def test_another_mode_is_refused(subscriber: Subscriber, settings: Any, livemode: bool, words: str) -> None:
    subscriber.subscribe(plan("pro", 100))
    settings.STRIPE_LIVE_MODE = not livemode
    subscriber.change(livemode=livemode)
    with pytest.raises(Unsettled, match=words):
        subscriber.tell()


def test_an_older_answer_does_not_overwrite_a_newer_one(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 100))
    older, asked = subscriber.state, at("2026-01-15T12:00")
    clock.shift(HOUR)
    subscriber.change(cancel_at_period_end=True)
    subscriber.tell()
    facts.book_subscription(older, subscriber.invoices, Money(states={}, began=asked))
    assert PlanSubscription.objects.get().cancel_at_period_end


def test_what_is_still_a_draft_is_asked_for_again_though_a_later_invoice_is_paid(
    subscriber: Subscriber, clock: Any
) -> None:
    subscriber.subscribe(plan("pro", 100))
    clock.shift(HOUR)
    subscriber.invoices.append(draft := replace(invoice(subscriber.id, []), status="draft"))
    clock.shift(HOUR)
    subscriber.invoices.append(paid := invoice(subscriber.id, []))
    assert subscriber.tell().invoices_settled_until == draft.created
    subscriber.invoices.remove(draft)
    assert subscriber.tell().invoices_settled_until == paid.created


def test_what_was_paid_by_a_clock_that_is_ahead_of_ours_has_begun(subscriber: Subscriber, clock: Any) -> None:
    subscriber.gets_through = False
    subscriber.subscribe(plan("pro", 100))
    clock.shift(timedelta(seconds=-2))
    subscriber.gets_through = True
    subscriber.tell()
    assert_balance(subscriber.owner, 100)


def test_two_live_subscriptions_are_both_honored(subscriber: Subscriber) -> None:
    pro = plan("pro", 100)
    subscriber.subscribe(pro)
    Subscriber(subscriber.owner).subscribe(pro)
    assert_balance(subscriber.owner, 200)


def test_time_that_was_credited_back_on_an_immediate_end_is_taken(subscriber: Subscriber, clock: Any) -> None:
    subscriber.subscribe(plan("pro", 3_100))
    clock.shift(DAY)
    credit = subscriber.proration(-subscriber.price.amount, at("2026-01-16T12:00"))
    subscriber.invoices.append(invoice(subscriber.id, [credit]))
    subscriber.end()
    assert_balance(subscriber.owner, 100)
    assert PaidSegment.objects.get().is_credited_back


def test_a_plan_without_credits_is_a_plan(subscriber: Subscriber) -> None:
    subscriber.subscribe(plan("seat", 0))
    assert_balance(subscriber.owner, 0)
    assert subscriber.refills == [("15 Jan", Decimal(0))]


def test_an_answer_asked_for_earlier_does_not_overwrite_an_invoice(subscriber: Subscriber) -> None:
    asked = timezone.now() - timedelta(seconds=5)
    subscriber.subscribe(plan("pro", 10_000))
    older = [replace(each, status="open", amount_paid=0, attempts=1) for each in subscriber.invoices]
    facts.book_subscription(subscriber.state, older, Money(states={}, began=asked))
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.attempts) == ("paid", 0)


def test_what_did_not_change_is_still_newer_than_an_answer_asked_for_before_it(
    subscriber: Subscriber, clock: Any
) -> None:
    subscriber.subscribe(plan("pro", 10_000))
    clock.shift(timedelta(seconds=5))
    asked = timezone.now()
    clock.shift(timedelta(seconds=5))
    subscriber.invoices[0] = replace(subscriber.invoices[0], status="open", amount_paid=0)
    subscriber.tell()
    clock.shift(timedelta(seconds=5))
    subscriber.tell()
    older = [replace(subscriber.invoices[0], status="void")]
    facts.book_subscription(subscriber.state, older, Money(states={}, began=asked))
    assert Invoice.objects.get().status == "open"
