"""`reconcile_billing`: what was lost is found by what Stripe has, and mended by what its events would have called."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone

from quickscale_billing import checkout, reconciliation, refunds, subscriptions
from quickscale_billing.models import (
    CheckoutSession,
    Fact,
    Invoice,
    Payment,
    PlanPrice,
    PlanSubscription,
    Purchase,
    Refill,
    Refund,
)
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits.models import LedgerEntry
from quickscale_credits.testing import assert_balance
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

DAY = timedelta(days=1)
ADMIN = "/admin/quickscale_billing/inboxitem/reconcile/"


@pytest.fixture
def ada(shop: Any) -> Any:
    connect(shop)
    shop.webhooks.drop()  # from now on, nothing is heard
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def reconcile(*options: str) -> tuple[int, str]:
    """The exit code, and what was printed."""
    printed = StringIO()
    try:
        call_command("reconcile_billing", *options, stdout=printed, stderr=printed)
    except CommandError as error:
        return error.returncode, f"{printed.getvalue()}{error}"
    return 0, printed.getvalue()


def test_where_nothing_was_lost_nothing_is_found(shop: Any, ada: Any) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "large"))
    shop.pay(checkout.start(ada, "pro"))
    assert reconcile() == (0, "Stripe, our rows and the ledger agree.\n")
    assert Fact.objects.exists()


def test_a_lost_purchase_is_found_and_given_once(shop: Any, ada: Any) -> None:
    session = checkout.start(ada, "large")
    shop.pay(session)
    code, printed = reconcile()
    assert (code, session.stripe_id in printed, "nothing was given for it" in printed) == (1, True, True)
    assert not LedgerEntry.objects.exists()
    code, printed = reconcile("--repair")
    assert (code, f"settled      {session.stripe_id}" in printed) == (0, True)
    assert reconcile("--repair") == (0, "Stripe, our rows and the ledger agree.\n")
    assert_balance(ada, 1_050)


def test_a_page_of_stripe_whose_name_was_never_written_down_is_found_when_it_has_expired(shop: Any, ada: Any) -> None:
    session = checkout.start(ada, "large")
    CheckoutSession.objects.update(stripe_id=None, url="")  # as if killed before Stripe's answer was written down
    stripe_client().v1.checkout.sessions.expire(session.stripe_id)
    assert reconcile("--repair")[0] == 0
    assert CheckoutSession.objects.get().status == "expired"
    assert reconcile() == (0, "Stripe, our rows and the ledger agree.\n")


def test_20_all_webhooks_of_a_month_lost(clock: Any, shop: Any, ada: Any) -> None:
    calendar = Calendar(clock, shop)
    shop.pay(checkout.start(ada, "pro"))
    shop.pay(checkout.start(ada, "small"))
    calendar.shift(31 * DAY + timedelta(hours=2))
    code, printed = reconcile("--since", "8w", "--repair")
    assert code == 0, printed
    subscription = PlanSubscription.objects.get()
    assert (subscription.status, subscription.invoices.filter(status="paid").count()) == ("active", 2)
    assert f"the refill of {subscription.stripe_id} of 2026-01-15" in printed
    assert [refill.state for refill in Refill.objects.order_by("starts_at")] == ["skipped", "granted"]
    assert Purchase.objects.count() == 1
    # 10,000 of the second month, the bonus, and the pack; the first month's would have expired by now.
    assert_balance(ada, 10_000 + 1_000 + Purchase.objects.get().entry.amount)
    assert reconcile("--since", "8w")[0] == 0


def test_what_was_canceled_refunded_or_disputed_at_stripe_is_found(shop: Any, ada: Any) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "large"))
    shop.pay(checkout.start(ada, "small"))
    shop.pay(checkout.start(ada, "pro"))
    shop.webhooks.drop()
    refunded, disputed = Payment.objects.filter(invoice=None).order_by("pk")
    stripe_client().v1.refunds.create({"payment_intent": refunded.stripe_payment_intent_id})
    shop.dispute(disputed.stripe_charge_id or charge_of(disputed))
    stripe_client().v1.subscriptions.cancel(PlanSubscription.objects.get().stripe_id)
    kinds = [each.kind.value for each in reconciliation.drift(timezone.now() - DAY)]
    assert kinds == ["subscription", "refund", "dispute"]
    assert reconcile("--repair")[0] == 0
    assert Refund.objects.get().status == "succeeded"
    assert PlanSubscription.objects.get().status == "canceled"


def charge_of(payment: Payment) -> Any:
    return stripe_client().v1.payment_intents.retrieve(str(payment.stripe_payment_intent_id)).latest_charge


def test_a_refund_of_ours_that_was_never_told_of_is_found_by_its_status(shop: Any, ada: Any) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "large"))
    made = refunds.refund(Purchase.objects.get(), amount=100, reason="kindness", actor=None)
    Refund.objects.filter(pk=made.pk).update(status="pending")
    code, printed = reconcile()
    assert (code, "status is pending here and succeeded at Stripe" in printed) == (1, True)
    assert reconcile("--repair")[0] == 0


def test_a_session_that_ran_out_and_a_refill_that_nobody_gave_are_found(clock: Any, shop: Any, ada: Any) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "basic", interval="year"))
    shop.webhooks.drop()
    checkout.start(ada, "large")
    Calendar(clock, shop).shift(32 * DAY)
    kinds = [each.kind.value for each in reconciliation.drift(timezone.now() - 40 * DAY)]
    assert kinds == ["session", "refill"]
    assert reconcile("--since", "40d", "--repair")[0] == 0
    assert set(CheckoutSession.objects.values_list("status", flat=True)) == {"complete", "expired"}


def test_what_cannot_be_mended_is_left_and_said_and_keeps_nothing_else(shop: Any, ada: Any) -> None:
    first, second = (checkout.start(ada, item) for item in ("large", "small"))
    for session in (first, second):
        shop.pay(session)
    PlanSubscription.objects.all().delete()
    shop.sandbox.get("checkout.session", first.stripe_id)["livemode"] = True
    code, printed = reconcile("--repair")
    assert (code, f"not settled  {first.stripe_id}" in printed, "live mode" in printed) == (1, True, True)
    assert f"settled      {second.stripe_id}" in printed
    assert "1 things differ from Stripe." in printed


def test_what_another_application_sells_on_the_same_account_is_not_ours(shop: Any, ada: Any) -> None:
    stripe = stripe_client().v1
    stranger = stripe.customers.create({"email": "else@example.com"})
    product = stripe.products.create({"name": "Tea"})
    price = stripe.prices.create({"product": product.id, "unit_amount": 300, "currency": "usd"})
    session = stripe.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": stranger.id,
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "https://else.example/",
        }
    )
    shop.pay(session.id)
    assert reconcile()[0] == 0


def test_stripe_away_is_an_error_and_not_agreement(shop: Any, ada: Any, outage: Any) -> None:
    with outage():
        code, printed = reconcile()
    assert (code, "Stripe could not answer" in printed) == (1, True)


@pytest.mark.parametrize("since", ["", "30", "d", "1y", "1.5d", "99999d"])
def test_a_time_that_cannot_be_read_is_refused(db: None, since: str) -> None:
    assert "must read like 12h, 30d or 8w" in reconcile("--since", since)[1]


def test_a_plan_changed_by_us_while_its_events_are_lost_is_no_drift(shop: Any, ada: Any) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "pro"))
    shop.webhooks.drop()
    subscriptions.change_plan(ada, "basic")
    assert reconcile()[0] == 0


def of_kind(kind: str, *, since: timedelta = 30 * DAY, older: int = 500) -> list[str]:
    found = reconciliation.drift(timezone.now() - since, older=older)
    return [each.problem for each in found if each.kind == kind]


def test_a_refund_that_took_two_months_is_found(clock: Any, shop: Any, ada: Any) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "large"))
    made = refunds.refund(Purchase.objects.get(), amount=100, reason="kindness", actor=None)
    shop.webhooks.drop()
    Refund.objects.filter(pk=made.pk).update(status="pending")
    Calendar(clock, shop).shift(60 * DAY)
    assert of_kind("refund") == ["status is pending here and succeeded at Stripe"]
    assert reconcile("--repair")[0] == 0
    assert Refund.objects.get().status == "succeeded"


def test_a_dispute_that_was_lost_after_seventy_days_is_found(clock: Any, shop: Any, ada: Any) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "large"))
    dispute = shop.dispute(charge_of(Payment.objects.get()))
    shop.webhooks.drop()
    shop.close_dispute(dispute, "lost")
    Calendar(clock, shop).shift(70 * DAY)
    assert of_kind("dispute") == ["status is needs_response here and lost at Stripe"]
    assert reconcile("--repair")[0] == 0
    assert Payment.objects.get().disputed == Payment.objects.get().amount
    assert_balance(ada, 0)


def test_an_open_invoice_that_was_paid_late_is_found(clock: Any, shop: Any, ada: Any) -> None:
    calendar = Calendar(clock, shop)
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "pro", interval="year"))
    shop.webhooks.drop()
    Invoice.objects.update(status="open", amount_paid=0, paid_at=None)  # as it was told before it was paid
    calendar.shift(40 * DAY)
    [problem] = of_kind("invoice")
    assert "status is open here and paid at Stripe" in problem
    assert reconcile("--repair")[0] == 0
    assert Invoice.objects.get().status == "paid"


def test_a_page_that_was_paid_long_ago_is_found_and_so_is_money_that_came_late(clock: Any, shop: Any, ada: Any) -> None:
    shop.pay(checkout.start(ada, "large"))
    slow = checkout.start(ada, "small")
    shop.pay(slow)
    CheckoutSession.objects.filter(pk=slow.pk).update(status="complete")  # as it was before the bank sent the money
    Calendar(clock, shop).shift(40 * DAY)
    assert of_kind("session") == ["It was paid, and nothing was given for it."] * 2
    assert reconcile("--repair")[0] == 0
    assert Purchase.objects.count() == 2


def test_only_so_many_older_rows_are_asked_about_and_the_report_says_so(
    clock: Any, shop: Any, ada: Any, admin_client: Any
) -> None:
    first, second = (checkout.start(ada, "large") for _ in range(2))
    CheckoutSession.objects.filter(pk=first.pk).update(created_at=first.created_at - DAY)
    Calendar(clock, shop).shift(40 * DAY)
    assert of_kind("session", older=0) == []
    code, printed = reconcile("--older", "1")
    assert (code, first.stripe_id in printed, second.stripe_id in printed) == (1, True, False)
    assert "Not asked about: 1 older rows that may still change." in printed
    assert "Not asked" not in reconcile()[1]
    assert "may still change" not in admin_client.get(ADMIN, {"days": 30}).content.decode()


@pytest.mark.parametrize("days", [25, 44])
def test_a_refund_that_failed_after_it_had_succeeded_is_found_however_little_is_asked_about(
    clock: Any, shop: Any, ada: Any, days: int
) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "large"))
    made = refunds.refund(Purchase.objects.get(), reason="kindness", actor=None)
    shop.webhooks.drop()
    Calendar(clock, shop).shift(days * DAY)
    assert reconcile("--since", "8d")[0] == 0
    shop.fail_refund(str(made.stripe_id))
    assert of_kind("refund", since=DAY) == ["status is succeeded here and failed at Stripe"]
    assert reconcile("--since", "8d", "--repair")[0] == 0
    assert_balance(ada, 1_050)


@pytest.mark.parametrize("by", ["the command", "the admin"])
def test_a_subscription_that_stripe_does_not_know_is_said_and_ended(
    shop: Any, ada: Any, admin_client: Any, by: str
) -> None:
    row = forgotten(shop, ada)
    code, printed = reconcile()
    assert (code, printed.count(row.stripe_id), "Stripe does not know it." in printed) == (1, 1, True)
    page = admin_client.get(ADMIN, {"days": 30}).content.decode()
    assert (page.count(row.stripe_id), "Stripe does not know it." in page) == (1, True)
    if by == "the command":
        assert f"settled      {row.stripe_id}" in reconcile("--repair")[1]
    else:
        admin_client.post(ADMIN, {"days": 30, "reason": "Test data was deleted"})
    row.refresh_from_db()
    assert (row.status, row.ended_at is not None, subscriptions.current(ada)) == ("canceled", True, None)
    assert reconcile("--repair") == (0, "Stripe, our rows and the ledger agree.\n")
    assert "our rows and the ledger agree" in admin_client.get(ADMIN, {"days": 30}).content.decode()


def forgotten(shop: Any, owner: Any) -> PlanSubscription:
    shop.webhooks.deliver()
    shop.pay(checkout.start(owner, "pro"))
    row = PlanSubscription.objects.get()
    shop.sandbox.remove(shop.sandbox.get("subscription", row.stripe_id))
    return row


def test_with_a_key_of_the_other_mode_nothing_is_ended(shop: Any, ada: Any) -> None:
    row = forgotten(shop, ada)
    row.account.customers.update(livemode=True)
    code, printed = reconcile("--repair")
    assert (code, f"not settled  {row.stripe_id}" in printed, "live mode" in printed) == (1, True, True)
    assert subscriptions.current(ada) == row


def test_a_subscription_that_has_ended_is_nobodys_concern(shop: Any, ada: Any) -> None:
    forgotten(shop, ada)
    PlanSubscription.objects.update(status="canceled", ended_at=timezone.now())
    assert reconcile()[0] == 0


def test_an_older_row_that_stripe_does_not_know_any_more_is_said(clock: Any, shop: Any, ada: Any) -> None:
    session = checkout.start(ada, "large")
    Calendar(clock, shop).shift(40 * DAY)
    shop.sandbox.remove(shop.sandbox.get("checkout.session", session.stripe_id))
    code, printed = reconcile("--repair")
    assert (code, f"not settled  {session.stripe_id}" in printed, "Stripe does not know it." in printed) == (
        1,
        True,
        True,
    )


def test_a_refill_that_waits_for_the_end_of_a_dispute_is_no_drift(clock: Any, shop: Any, ada: Any) -> None:
    shop.webhooks.deliver()
    shop.pay(checkout.start(ada, "basic", interval="year"))
    shop.dispute(charge_of(Payment.objects.get()))
    Calendar(clock, shop).shift(32 * DAY)
    assert of_kind("refill") == []


def test_a_paid_change_to_a_price_of_no_plan_is_told_until_the_catalog_names_it(shop: Any, ada: Any) -> None:
    session = checkout.start(ada, "basic")
    shop.pay(session)
    checkout.settle(ada, str(session.stripe_id))
    subscription, client = PlanSubscription.objects.get(), stripe_client().v1
    item = client.subscriptions.retrieve(subscription.stripe_id).to_dict()["items"]["data"][0]
    monthly = {"currency": "usd", "recurring": {"interval": "month"}}
    price = client.prices.create({"product": item["price"]["product"], "unit_amount": 9900, **monthly}).id
    items = [{"id": item["id"], "price": price}]
    client.subscriptions.update(subscription.stripe_id, {"items": items, "proration_behavior": "always_invoice"})
    invoice = shop.sandbox.all("invoice")[-1]["id"]
    for _time in range(2):
        code, told = reconcile("--repair")
        assert (code, f"not settled  {invoice}: Stripe's price {price} is of no plan here" in told) == (1, True)
    PlanPrice.objects.filter(plan__slug="pro", interval="month").update(stripe_price_id=price)
    assert (reconcile("--repair")[0], reconcile()[0]) == (0, 0)
    assert Fact.objects.get(key=f"upgrade:{invoice}").entry
