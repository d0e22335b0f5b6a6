"""Plans are changed in the middle of a period. https://docs.stripe.com/billing/subscriptions/prorations"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from quickscale_billing.testing import StripeSimulator

pytestmark = pytest.mark.once

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HALF_OF_JANUARY = timedelta(days=15, hours=12)


def amounts(invoice: Any) -> list[int]:
    return [line.amount for line in invoice.lines.data]


def test_prorations_have_two_sides_and_go_by_the_second(
    price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
) -> None:
    begun = subscribe(price(1000, "month"))
    stripe_simulator.clock.advance(HALF_OF_JANUARY)
    invoice = change(begun, price(4000, "month")).latest_invoice
    assert amounts(invoice) == [-500, 2000]
    assert (invoice.billing_reason, invoice.amount_paid) == ("subscription_update", 1500)


def test_a_second_more_is_a_second_less(
    price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
) -> None:
    seconds_of_the_period = 31 * 86_400
    begun = subscribe(price(seconds_of_the_period, "month"))
    stripe_simulator.clock.advance(timedelta(seconds=1))
    changed = change(begun, price(2 * seconds_of_the_period, "month"))
    assert amounts(changed.latest_invoice) == [1 - seconds_of_the_period, 2 * seconds_of_the_period - 2]


def test_a_proration_says_that_it_is_one_and_what_it_gives_back(
    client: Any, price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/api/invoices/create_preview; that it has both details is our reading."""
    begun = subscribe(price(1000, "month"))
    stripe_simulator.clock.advance(HALF_OF_JANUARY)
    back, cost = change(begun, price(4000, "month")).latest_invoice.lines.data
    paid = client.invoices.line_items.list(begun.latest_invoice).data[0].id
    details = back.parent.subscription_item_details
    assert (details.proration, cost.parent.subscription_item_details.proration) == (True, True)
    assert details.proration_details.credited_items.invoice_line_items == [paid]
    assert back.period.start == int(stripe_simulator.clock.now.timestamp())


def test_without_always_invoice_they_wait_for_the_renewal(
    client: Any, price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
) -> None:
    begun = subscribe(price(1000, "month"))
    stripe_simulator.clock.advance(HALF_OF_JANUARY)
    change(begun, price(4000, "month"), proration_behavior="create_prorations", payment_behavior="allow_incomplete")
    assert len(client.invoice_items.list({"customer": begun.customer, "pending": True}).data) == 2
    stripe_simulator.clock.advance(HALF_OF_JANUARY + HOUR)
    renewal = client.invoices.list({"subscription": begun.id}).data[0]
    assert (amounts(renewal), renewal.amount_paid) == ([-500, 2000, 4000], 5500)


def test_a_credit_goes_to_the_balance_and_pays_the_next_invoice(
    client: Any, price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/billing/customer/balance"""
    begun = subscribe(price(4000, "month"))
    stripe_simulator.clock.advance(HALF_OF_JANUARY)
    lowered = change(begun, price(1000, "month"))
    assert (lowered.latest_invoice.total, lowered.latest_invoice.status) == (-1500, "paid")
    assert client.customers.retrieve(begun.customer).balance == -1500
    stripe_simulator.clock.advance(HALF_OF_JANUARY + HOUR)
    renewal = client.invoices.list({"subscription": begun.id}).data[0]
    assert (renewal.total, renewal.amount_due, renewal.ending_balance) == (1000, 0, -500)


def test_another_interval_moves_the_billing_date_to_now(
    price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/billing/subscriptions/change-price#changing-billing-periods"""
    begun = subscribe(price(1000, "month"))
    stripe_simulator.clock.advance(HALF_OF_JANUARY)
    changed, now = change(begun, price(10000, "year")), stripe_simulator.clock.now
    assert amounts(changed.latest_invoice) == [-500, 10000]
    assert changed.billing_cycle_anchor == now.timestamp()
    item = changed["items"].data[0]
    assert (item.current_period_start, item.current_period_end) == (now.timestamp(), now.replace(year=2027).timestamp())
    assert [line.parent.subscription_item_details.proration for line in changed.latest_invoice.lines.data] == [
        True,
        False,
    ]


def test_the_anchor_can_be_reset_by_hand(client: Any, price: Any, subscribe: Any, stripe_simulator: Any) -> None:
    """https://docs.stripe.com/billing/subscriptions/billing-cycle#changing"""
    begun = subscribe(price(1000, "month"))
    stripe_simulator.clock.advance(HALF_OF_JANUARY)
    asked = {"billing_cycle_anchor": "now", "expand": ["latest_invoice"]}
    assert amounts(client.subscriptions.update(begun.id, asked).latest_invoice) == [-500, 1000]


def test_a_preview_changes_nothing(
    client: Any, price: Any, subscribe: Any, change: Any, events: Any, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/api/invoices/create_preview"""
    begun, pro = subscribe(price(1000, "month")), price(4000, "month")
    stripe_simulator.clock.advance(HALF_OF_JANUARY)
    told = events()
    details = {
        "items": [{"id": begun["items"].data[0].id, "price": pro.id}],
        "proration_behavior": "always_invoice",
    }
    preview = client.invoices.create_preview({"subscription": begun.id, "subscription_details": details})
    assert (preview.amount_due, amounts(preview)) == (1500, [-500, 2000])
    assert (events(), len(client.invoices.list().data)) == (told, 1)
    assert change(begun, pro).latest_invoice.amount_paid == preview.amount_due


def test_a_preview_of_nothing_is_the_next_renewal(client: Any, price: Any, subscribe: Any) -> None:
    begun = subscribe(price(1000, "month"), trial_period_days=7)
    preview = client.invoices.create_preview({"subscription": begun.id})
    assert (preview.amount_due, preview.lines.data[0].period.start) == (1000, begun.trial_end)


class TestPendingUpdates:
    """https://docs.stripe.com/billing/subscriptions/pending-updates"""

    @pytest.fixture
    def pending(self, price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator) -> Any:
        begun = subscribe(price(1000, "month"))
        stripe_simulator.clock.advance(HALF_OF_JANUARY)
        stripe_simulator.decline_next(begun.customer)
        return change(begun, price(4000, "month"))

    def test_the_plan_stays_until_the_invoice_is_paid(self, pending: Any, client: Any) -> None:
        assert (pending.status, pending["items"].data[0].price.unit_amount) == ("active", 1000)
        assert pending.pending_update.subscription_items[0].price.unit_amount == 4000
        client.invoices.pay(pending.latest_invoice.id)
        changed = client.subscriptions.retrieve(pending.id)
        assert (changed.pending_update, changed["items"].data[0].price.unit_amount) == (None, 4000)

    def test_it_is_dropped_after_23_hours(
        self, pending: Any, client: Any, events: Any, stripe_simulator: StripeSimulator
    ) -> None:
        assert pending.pending_update.expires_at == stripe_simulator.clock.now.timestamp() + 23 * 3600
        stripe_simulator.clock.advance(23 * HOUR)
        assert client.subscriptions.retrieve(pending.id).pending_update is None
        assert client.invoices.retrieve(pending.latest_invoice.id).status == "void"
        assert events()[-1] == "customer.subscription.pending_update_expired"

    def test_another_change_takes_its_place(self, pending: Any, client: Any, price: Any, change: Any) -> None:
        changed = change(pending, price(2000, "month"))
        assert (changed.pending_update, changed["items"].data[0].price.unit_amount) == (None, 2000)
        assert client.invoices.retrieve(pending.latest_invoice.id).status == "void"

    def test_a_card_that_wants_authentication_leaves_it_waiting(
        self, client: Any, price: Any, customer: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun = subscribe(price(1000, "month"))
        method = client.payment_methods.attach("pm_card_authenticationRequired", {"customer": begun.customer}).id
        client.subscriptions.update(begun.id, {"default_payment_method": method})
        waiting = change(begun, price(4000, "month"), expand=["latest_invoice.payments"])
        intent = waiting.latest_invoice.payments.data[0].payment.payment_intent
        assert waiting.pending_update is not None
        stripe_simulator.authenticate(intent)
        assert client.subscriptions.retrieve(begun.id)["items"].data[0].price.unit_amount == 4000

    def test_what_cannot_wait_is_refused(self, price: Any, subscribe: Any, change: Any) -> None:
        """https://docs.stripe.com/billing/subscriptions/pending-updates-reference"""
        with pytest.raises(stripe.InvalidRequestError, match="pending_if_incomplete"):
            change(subscribe(price(1000, "month")), price(4000, "month"), description="Pro")

    def test_without_it_a_declined_upgrade_is_past_due(
        self, price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/api/subscriptions/update#update_subscription-payment_behavior"""
        begun = subscribe(price(1000, "month"))
        stripe_simulator.decline_next(begun.customer)
        changed = change(begun, price(4000, "month"), payment_behavior="allow_incomplete")
        assert (changed.status, changed["items"].data[0].price.unit_amount) == ("past_due", 4000)


class TestSchedules:
    """https://docs.stripe.com/billing/subscriptions/subscription-schedules"""

    @pytest.fixture
    def lowering(self, client: Any, price: Any, subscribe: Any) -> tuple[Any, Any]:
        """A subscription at 40.00, which a schedule will bring to 10.00 with the next period."""
        begun, low = subscribe(price(4000, "month")), price(1000, "month")
        schedule = client.subscription_schedules.create({"from_subscription": begun.id})
        current = schedule.phases[0]
        phases = [
            {
                "items": [{"price": current["items"][0].price, "quantity": 1}],
                "start_date": current.start_date,
                "end_date": current.end_date,
            },
            {"items": [{"price": low.id, "quantity": 1}], "duration": {"interval": "month"}},
        ]
        asked = {"end_behavior": "release", "phases": phases}
        return begun, client.subscription_schedules.update(schedule.id, asked)

    def test_the_next_phase_begins_with_the_next_period(
        self, lowering: Any, client: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun, _ = lowering
        assert client.subscriptions.retrieve(begun.id)["items"].data[0].price.unit_amount == 4000
        stripe_simulator.clock.advance(31 * DAY + HOUR)
        assert client.subscriptions.retrieve(begun.id)["items"].data[0].price.unit_amount == 1000
        renewal = client.invoices.list({"subscription": begun.id}).data[0]
        assert (renewal.billing_reason, amounts(renewal)) == ("subscription_cycle", [1000])

    def test_after_the_last_phase_the_subscription_is_released(
        self, lowering: Any, client: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun, schedule = lowering
        stripe_simulator.clock.advance(70 * DAY)
        assert client.subscription_schedules.retrieve(schedule.id).status == "released"
        left = client.subscriptions.retrieve(begun.id)
        assert (left.status, left.schedule, left["items"].data[0].price.unit_amount) == ("active", None, 1000)

    def test_a_scheduled_subscription_is_not_canceled_directly(self, lowering: Any, client: Any) -> None:
        begun, schedule = lowering
        for refused in (
            lambda: client.subscriptions.cancel(begun.id),
            lambda: client.subscriptions.update(begun.id, {"cancel_at_period_end": True}),
        ):
            with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
                refused()
        client.subscription_schedules.release(schedule.id)
        assert client.subscriptions.update(begun.id, {"cancel_at_period_end": True}).cancel_at is not None

    def test_a_released_schedule_is_over(self, lowering: Any, client: Any) -> None:
        _, schedule = lowering
        released = client.subscription_schedules.release(schedule.id)
        assert (released.status, released.subscription) == ("released", None)
        with pytest.raises(stripe.InvalidRequestError, match="`released` status"):
            client.subscription_schedules.release(schedule.id)

    def test_the_current_phase_keeps_its_start(self, lowering: Any, client: Any) -> None:
        _, schedule = lowering
        moved = {"items": [{"price": schedule.phases[0]["items"][0].price}], "start_date": 1}
        with pytest.raises(stripe.InvalidRequestError, match="start date of the current phase"):
            client.subscription_schedules.update(schedule.id, {"phases": [moved]})

    def test_another_interval_begins_with_the_phase(
        self, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun, monthly = subscribe(price(40000, "year")), price(1000, "month")
        schedule = client.subscription_schedules.create({"from_subscription": begun.id})
        phase = schedule.phases[0]
        yearly = {
            "items": [{"price": phase["items"][0].price}],
            "start_date": phase.start_date,
            "end_date": phase.end_date,
        }
        phases = [yearly, {"items": [{"price": monthly.id}]}]
        client.subscription_schedules.update(schedule.id, {"end_behavior": "release", "phases": phases})
        stripe_simulator.clock.advance_to(datetime(2027, 1, 15, 13, tzinfo=UTC))
        changed = client.subscriptions.retrieve(begun.id, {"expand": ["latest_invoice"]})
        assert (changed.latest_invoice.status, amounts(changed.latest_invoice)) == ("paid", [1000])
        assert changed["items"].data[0].current_period_end == datetime(2027, 2, 15, 12, tzinfo=UTC).timestamp()
