"""Subscriptions through real HTTP: Stripe's simulator, dj-stripe's webhooks, and our verbs."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings

from quickscale_billing import checkout, facts, reconciliation, subscriptions
from quickscale_billing.exceptions import AlreadySubscribed, NoSubscription, PaymentActionRequired, Unsettled
from quickscale_billing.models import InboxItem, Plan, PlanPrice, PlanSubscription, Purchase
from quickscale_billing.plan_changes import ChangeKind
from quickscale_billing.stripe import retrieving
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance
from tests.billing.selling import at
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DECLINED = "4000000000000341"


@pytest.fixture
def calendar(clock: Any, shop: Any) -> Calendar:
    connect(shop)
    return Calendar(clock, shop)


@pytest.fixture
def buyer(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def subscribe(calendar: Calendar, buyer: Any, plan: str, **options: Any) -> PlanSubscription:
    calendar.simulator.pay(checkout.start(buyer, plan, **options))
    return subscriptions.current(buyer)


def test_a_downgrade_comes_with_the_next_period(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "pro")
    preview = subscriptions.preview_change(buyer, "basic")
    assert (preview.kind, preview.due_now, preview.credits) == (ChangeKind.DOWNGRADE, 0, 0)
    assert preview.takes_effect_at == at("2026-02-15T12:00")
    subscription = subscriptions.change_plan(buyer, "basic")
    assert (subscription.plan.slug, subscription.next_price.plan.slug) == ("pro", "basic")
    calendar.move_to(at("2026-02-15T14:00"))
    assert subscriptions.current(buyer).plan.slug == "basic"
    assert_balance(buyer, 1_500)


def test_a_year_is_followed_by_months_when_it_has_ended(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "basic", interval="year")
    subscription = subscriptions.change_plan(buyer, "basic", interval="month")
    assert subscription.next_price.interval == "month"
    calendar.move_to(at("2027-01-15T14:00"))
    assert subscriptions.current(buyer).price.interval == "month"


def test_an_upgrade_whose_card_declines_waits_for_its_payment(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    calendar.simulator.decline_next(subscription.stripe_customer_id)
    with pytest.raises(PaymentActionRequired) as raised:
        subscriptions.change_plan(buyer, "pro")
    subscription = subscriptions.current(buyer)
    assert (subscription.plan.slug, subscription.pending_price.plan.slug) == ("basic", "pro")
    assert raised.value.url == subscription.invoice_url
    assert_balance(buyer, 500)


def test_an_upgrade_that_is_asked_for_twice_is_charged_once(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "basic")
    subscriptions.change_plan(buyer, "pro")
    before = ledger.balance(buyer).total
    subscriptions.change_plan(buyer, "pro")
    assert_balance(buyer, before)


def test_in_a_trial_the_plan_changes_at_once_and_credits_do_not(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "studio")
    assert subscriptions.preview_change(buyer, "pro").kind is ChangeKind.TRIAL
    subscription = subscriptions.change_plan(buyer, "pro")
    assert (subscription.plan.slug, subscription.status) == ("pro", "trialing")
    assert_balance(buyer, 50)


def test_canceling_ends_it_with_the_period_and_resuming_takes_that_back(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "basic")
    assert subscriptions.cancel(buyer).ends_at == at("2026-02-15T12:00")
    assert subscriptions.resume(buyer).ends_at is None
    subscriptions.cancel(buyer)
    calendar.move_to(at("2026-02-15T13:30"))
    assert subscriptions.current(buyer) is None
    assert_balance(buyer, 500)
    calendar.shift(DAY)
    assert_balance(buyer, 0)


def test_canceling_now_leaves_what_was_given_and_gives_no_more(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "basic", interval="year")
    assert subscriptions.cancel(buyer, at_period_end=False).status == "canceled"
    assert_balance(buyer, 500)
    calendar.shift(timedelta(days=31))
    calendar.sweep()
    assert_balance(buyer, 500)
    calendar.shift(DAY)
    assert_balance(buyer, 0)


@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_canceling_and_resuming_release_a_scheduled_change(verb: str, calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "pro")
    subscriptions.change_plan(buyer, "basic")
    subscription = getattr(subscriptions, verb)(buyer)
    assert (subscription.next_price, subscription.stripe_schedule_id) == (None, None)


def test_choosing_a_lower_plan_takes_a_cancelation_back(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "pro")
    subscriptions.cancel(buyer)
    subscription = subscriptions.change_plan(buyer, "basic")
    assert (subscription.ends_at, subscription.next_price.plan.slug) == (None, "basic")


def test_a_renewal_that_declines_is_late_until_it_is_paid(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    calendar.simulator.decline_next(subscription.stripe_customer_id)
    calendar.move_to(at("2026-02-15T14:00"))
    assert subscriptions.current(buyer).status == "past_due"
    assert not subscriptions.is_active(buyer)
    calendar.shift(2 * DAY)
    assert_balance(buyer, 0)
    with pytest.raises(PaymentActionRequired):
        subscriptions.change_plan(buyer, "pro")
    calendar.shift(7 * DAY)
    assert subscriptions.is_active(buyer)
    assert_balance(buyer, 500)


def test_who_is_subscribed_and_to_what(calendar: Calendar, buyer: Any) -> None:
    assert not subscriptions.is_active(buyer)
    subscribe(calendar, buyer, "pro")
    assert subscriptions.is_active(buyer)
    assert subscriptions.is_active(buyer, "pro")
    assert not subscriptions.is_active(buyer, Plan.objects.get(slug="basic"))


def test_without_a_subscription_there_is_nothing_to_change(calendar: Calendar, buyer: Any) -> None:
    for verb in (subscriptions.cancel, subscriptions.resume):
        with pytest.raises(NoSubscription):
            verb(buyer)
    for verb in (subscriptions.change_plan, subscriptions.preview_change):
        with pytest.raises(NoSubscription):
            verb(buyer, "pro")


def test_a_second_subscription_is_refused_at_the_checkout(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "basic")
    with pytest.raises(AlreadySubscribed):
        checkout.start(buyer, "pro")


def test_a_renewal_that_is_never_paid_gives_nothing(calendar: Calendar, buyer: Any) -> None:
    calendar.simulator.pay(checkout.start(buyer, "studio"), card=DECLINED)
    calendar.shift(7 * DAY + 2 * HOUR)
    assert subscriptions.current(buyer).status == "past_due"
    assert not subscriptions.is_active(buyer)
    calendar.shift(40 * DAY)
    assert not subscriptions.is_active(buyer)
    assert_balance(buyer, 0)


def test_a_payment_that_was_late_is_made_up_for_when_its_invoice_is_paid_by_hand(
    calendar: Calendar, buyer: Any
) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    calendar.simulator.decline_next(subscription.stripe_customer_id)
    calendar.move_to(at("2026-02-15T14:00"))
    late = PlanSubscription.objects.get()
    assert late.invoice_url
    invoices = stripe_client().v1.invoices.list({"subscription": late.stripe_id, "status": "open"})
    stripe_client().v1.invoices.pay(invoices.data[0].id)
    calendar.simulator.webhooks.deliver()
    assert subscriptions.current(buyer).invoice_url == ""
    assert_balance(buyer, 500)


def test_the_difference_that_waits_is_given_when_it_is_paid(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    calendar.simulator.decline_next(subscription.stripe_customer_id)
    with pytest.raises(PaymentActionRequired):
        subscriptions.change_plan(buyer, "pro")
    [invoice] = stripe_client().v1.invoices.list({"subscription": subscription.stripe_id, "status": "open"}).data
    stripe_client().v1.invoices.pay(invoice.id)
    calendar.simulator.webhooks.deliver()
    assert subscriptions.current(buyer).plan.slug == "pro"
    assert ledger.balance(buyer).by_type["subscription"] == 10_000


def test_an_upgrade_that_is_not_paid_in_time_comes_to_nothing(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    calendar.simulator.decline_next(subscription.stripe_customer_id)
    with pytest.raises(PaymentActionRequired):
        subscriptions.change_plan(buyer, "pro")
    calendar.shift(DAY)
    subscription = subscriptions.current(buyer)
    assert (subscription.plan.slug, subscription.pending_price) == ("basic", None)
    assert_balance(buyer, 500)


def test_the_signup_bonus_waits_for_the_first_payment_after_a_free_month(calendar: Calendar, buyer: Any) -> None:
    coupon = stripe_client().v1.coupons.create({"percent_off": 100, "duration": "once"})
    with override_settings(QUICKSCALE_BILLING={"CHECKOUT": {"discounts": [{"coupon": coupon.id}]}}):
        subscribe(calendar, buyer, "pro")
    assert_balance(buyer, 10_000)
    calendar.move_to(at("2026-02-15T14:00"))
    assert_balance(buyer, 11_000)


def test_a_pack_that_a_discount_covers_wholly_is_given(calendar: Calendar, buyer: Any) -> None:
    coupon = stripe_client().v1.coupons.create({"percent_off": 100, "duration": "once"})
    with override_settings(QUICKSCALE_BILLING={"CHECKOUT": {"discounts": [{"coupon": coupon.id}]}}):
        calendar.simulator.pay(checkout.start(buyer, "large"))
    assert_balance(buyer, 1_050)
    assert Purchase.objects.get().amount == 0


def asked_for(subscription: PlanSubscription) -> list[str]:
    """The states of the invoices that the next settlement asks Stripe for."""
    subscription.refresh_from_db()
    return [each.status for each in retrieving.invoices(subscription.stripe_id, subscription.invoices_settled_until)]


def test_however_old_a_subscription_only_its_last_invoice_is_asked_for_again(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    for _ in range(3):
        calendar.shift(timedelta(days=31, hours=2))
    assert subscription.invoices.filter(status="paid").count() == 4
    assert asked_for(subscription) == ["paid"]


def test_a_renewal_that_was_a_draft_while_a_later_invoice_was_paid_is_booked(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    calendar.move_to(at("2026-02-15T12:10"))
    stripe_client().v1.subscriptions.update(
        subscription.stripe_id,
        {
            "items": [{"id": subscription.stripe_item_id, "price": PlanPrice.objects.get(amount=4900).stripe_price_id}],
            "proration_behavior": "always_invoice",
        },
    )
    calendar.simulator.webhooks.deliver()
    assert asked_for(subscription) == ["draft", "paid"]
    calendar.move_to(at("2026-02-15T14:00"))
    assert asked_for(subscription) == ["paid"]
    assert subscription.segments.filter(starts_at__gte=at("2026-02-15T12:00")).count() == 2
    call_command("settle_facts", "--all", verbosity=0)
    assert not InboxItem.objects.pending().exists()


def test_an_invoice_that_is_open_is_asked_for_until_it_is_paid(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    calendar.simulator.decline_next(subscription.stripe_customer_id)
    calendar.move_to(at("2026-02-15T14:00"))
    assert asked_for(subscription) == ["open"]
    calendar.shift(9 * DAY)
    assert asked_for(subscription) == ["paid"]
    assert_balance(buyer, 500)


def test_what_could_not_be_booked_is_asked_for_again(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    price = PlanPrice.objects.filter(pk=subscription.price_id)
    price.update(stripe_price_id="price_other")
    calendar.move_to(at("2026-02-15T14:00"))
    with pytest.raises(Unsettled):
        facts.settle_subscription(subscription.stripe_id)
    assert asked_for(subscription) == ["paid", "paid"]
    price.update(stripe_price_id=subscription.stripe_price_id)
    facts.settle_subscription(subscription.stripe_id)
    assert asked_for(subscription) == ["paid"]
    assert_balance(buyer, 500)


def test_reconciliation_asks_for_all_and_mends_what_was_thought_settled(calendar: Calendar, buyer: Any) -> None:
    subscription = subscribe(calendar, buyer, "basic")
    calendar.shift(timedelta(days=31, hours=2))
    subscription.invoices.order_by("created_at").first().payments.update(invoice=None)
    subscription.invoices.order_by("created_at").first().delete()
    facts.settle_subscription(subscription.stripe_id)
    assert subscription.invoices.count() == 1
    since = at("2026-01-01T00:00")
    reconciliation.repair(reconciliation.drift(since))
    assert subscription.invoices.count() == 2
    assert reconciliation.drift(since) == []


@pytest.mark.once
@pytest.mark.parametrize(("interval", "end"), [("month", "2026-02-15T12:00"), ("year", "2027-01-15T12:00")])
def test_an_upgrade_of_what_was_canceled_still_ends_and_says_so(
    calendar: Calendar, buyer: Any, interval: str, end: str
) -> None:
    subscribe(calendar, buyer, "basic")
    subscriptions.cancel(buyer)
    preview = subscriptions.preview_change(buyer, "pro", interval=interval)
    assert (preview.ends_at, preview.resumes) == (at(end), False)
    changed = subscriptions.change_plan(buyer, "pro", interval=interval)
    assert (changed.plan.slug, changed.ends_at) == ("pro", at(end))


@pytest.mark.once
def test_a_downgrade_of_what_was_canceled_goes_on_and_says_so(calendar: Calendar, buyer: Any) -> None:
    subscribe(calendar, buyer, "pro")
    assert subscriptions.preview_change(buyer, "basic").resumes is False
    subscriptions.cancel(buyer)
    preview = subscriptions.preview_change(buyer, "basic")
    assert (preview.ends_at, preview.resumes) == (None, True)
    assert subscriptions.change_plan(buyer, "basic").ends_at is None
