"""Subscriptions begin, renew and end. https://docs.stripe.com/billing/subscriptions/overview"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from quickscale_billing.testing import StripeSimulator

pytestmark = pytest.mark.once

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp())


def period(client: Any, subscription: Any) -> tuple[int, int]:
    item = client.subscriptions.retrieve(subscription.id)["items"].data[0]
    return item.current_period_start, item.current_period_end


def invoices(client: Any, subscription: Any) -> list[Any]:
    """Newest first."""
    return client.invoices.list({"subscription": subscription.id, "expand": ["data.payments"]}).data


def test_the_first_invoice_is_paid_at_once(client: Any, price: Any, subscribe: Any) -> None:
    """https://docs.stripe.com/billing/subscriptions/overview#subscription-payment-behavior"""
    begun = subscribe(price(2900, "month"), expand=["latest_invoice"])
    assert (begun.status, begun.latest_invoice.status) == ("active", "paid")
    assert (begun.latest_invoice.billing_reason, begun.latest_invoice.amount_paid) == ("subscription_create", 2900)
    assert period(client, begun) == (at(2026, 1, 15, 12), at(2026, 2, 15, 12))


def test_a_line_names_its_subscription_item_and_its_price(client: Any, price: Any, subscribe: Any) -> None:
    """https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects"""
    sold = price(2900, "month")
    begun = subscribe(sold)
    line = client.invoices.line_items.list(begun.latest_invoice).data[0]
    assert line.pricing.price_details.price == sold.id
    details = line.parent.subscription_item_details
    assert (details.subscription, details.proration) == (begun.id, False)
    assert details.subscription_item == begun["items"].data[0].id


def test_an_invoice_is_paid_through_invoice_payments(client: Any, price: Any, subscribe: Any) -> None:
    """https://docs.stripe.com/api/invoice-payment"""
    begun = subscribe(price(2900, "month"))
    payment = client.invoice_payments.list({"invoice": begun.latest_invoice}).data[0]
    assert (payment.status, payment.amount_paid) == ("paid", 2900)
    intent = payment.payment.payment_intent
    assert client.payment_intents.retrieve(intent).status == "succeeded"
    asked = {"payment": {"type": "payment_intent", "payment_intent": intent}}
    assert client.invoice_payments.list(asked).data[0].invoice == begun.latest_invoice


def test_a_renewal_is_a_draft_for_an_hour(
    client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/billing/invoices/subscription#sub-invoice-lifecycle"""
    begun = subscribe(price(2900, "month"))
    stripe_simulator.clock.advance(31 * DAY)
    drafted = invoices(client, begun)[0]
    assert (drafted.status, drafted.billing_reason, drafted.amount_due) == ("draft", "subscription_cycle", 2900)
    assert drafted.automatically_finalizes_at == drafted.created + 3600
    assert client.subscriptions.retrieve(begun.id).status == "active"
    stripe_simulator.clock.advance(HOUR)
    assert invoices(client, begun)[0].status == "paid"


def test_the_period_moves_when_the_draft_is_made(
    client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/billing/subscriptions/billing-cycle"""
    begun = subscribe(price(2900, "month"))
    stripe_simulator.clock.advance(31 * DAY)
    assert period(client, begun) == (at(2026, 2, 15, 12), at(2026, 3, 15, 12))
    line = invoices(client, begun)[0].lines.data[0]
    assert (line.period.start, line.period.end) == period(client, begun)


def test_the_31st_comes_back_after_a_short_month(
    client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
) -> None:
    """https://docs.stripe.com/billing/subscriptions/billing-cycle: "the last day of the month" """
    stripe_simulator.clock.advance_to(datetime(2026, 1, 31, 12, tzinfo=UTC))
    begun = subscribe(price(2900, "month"))
    ends = []
    for _ in range(3):
        ends.append(period(client, begun)[1])
        stripe_simulator.clock.advance_to(datetime.fromtimestamp(ends[-1], UTC))
    assert ends == [at(2026, 2, 28, 12), at(2026, 3, 31, 12), at(2026, 4, 30, 12)]


@pytest.mark.parametrize(
    ("interval", "count", "end"),
    [
        ("day", 1, at(2026, 1, 16, 12)),
        ("week", 2, at(2026, 1, 29, 12)),
        ("month", 3, at(2026, 4, 15, 12)),
        ("year", 1, at(2027, 1, 15, 12)),
    ],
)
def test_periods_are_days_weeks_months_and_years(
    interval: str, count: int, end: int, client: Any, price: Any, subscribe: Any
) -> None:
    """https://docs.stripe.com/api/prices/create#create_price-recurring-interval"""
    sold = price(100, recurring={"interval": interval, "interval_count": count})
    assert period(client, subscribe(sold))[1] == end


def test_without_a_way_to_pay_nothing_begins(client: Any, price: Any, subscribe: Any) -> None:
    """https://docs.stripe.com/error-codes#resource-missing"""
    owner = client.customers.create({"email": "ada@example.com"})
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        subscribe(price(2900, "month"), customer=owner.id)
    assert client.subscriptions.list({"status": "all"}).data == []


class TestIncomplete:
    """https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses"""

    def test_a_declined_first_payment_leaves_it_incomplete(self, price: Any, customer: Any, subscribe: Any) -> None:
        owner = customer("pm_card_chargeCustomerFail").id
        begun = subscribe(price(2900, "month"), customer=owner, expand=["latest_invoice"])
        assert (begun.status, begun.latest_invoice.status) == ("incomplete", "open")

    def test_paying_the_invoice_makes_it_active(self, client: Any, price: Any, customer: Any, subscribe: Any) -> None:
        begun = subscribe(price(2900, "month"), customer=customer("pm_card_chargeCustomerFail").id)
        client.invoices.pay(begun.latest_invoice, {"payment_method": "pm_card_visa"})
        assert client.subscriptions.retrieve(begun.id).status == "active"

    def test_it_expires_after_23_hours_and_its_invoice_is_void(
        self, client: Any, price: Any, customer: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun = subscribe(price(2900, "month"), customer=customer("pm_card_chargeCustomerFail").id)
        stripe_simulator.clock.advance(23 * HOUR - timedelta(seconds=1))
        assert client.subscriptions.retrieve(begun.id).status == "incomplete"
        stripe_simulator.clock.advance(timedelta(seconds=1))
        expired = client.subscriptions.retrieve(begun.id, {"expand": ["latest_invoice"]})
        assert (expired.status, expired.latest_invoice.status) == ("incomplete_expired", "void")

    def test_a_card_may_want_authentication_first(
        self, client: Any, price: Any, customer: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/billing/subscriptions/overview#requires-action"""
        owner = customer("pm_card_authenticationRequired").id
        begun = subscribe(price(2900, "month"), customer=owner, expand=["latest_invoice.payments"])
        intent = begun.latest_invoice.payments.data[0].payment.payment_intent
        assert client.payment_intents.retrieve(intent).status == "requires_action"
        stripe_simulator.authenticate(intent)
        assert client.subscriptions.retrieve(begun.id).status == "active"

    def test_the_first_invoice_may_wait_to_be_paid(self, price: Any, subscribe: Any, client: Any) -> None:
        """https://docs.stripe.com/billing/subscriptions/overview#default-incomplete"""
        begun = subscribe(price(2900, "month"), payment_behavior="default_incomplete", expand=["latest_invoice"])
        assert (begun.status, begun.latest_invoice.attempt_count) == ("incomplete", 0)
        client.invoices.pay(begun.latest_invoice.id)
        assert client.subscriptions.retrieve(begun.id).status == "active"


class TestTrials:
    """https://docs.stripe.com/billing/subscriptions/trials"""

    def test_a_trial_begins_with_an_invoice_of_nothing(self, price: Any, subscribe: Any) -> None:
        begun = subscribe(price(2900, "month"), trial_period_days=7, expand=["latest_invoice.payments"])
        invoice = begun.latest_invoice
        assert (begun.status, invoice.status, invoice.total) == ("trialing", "paid", 0)
        assert invoice.payments.data == []
        line = invoice.lines.data[0]
        assert (line.amount, line.period.end) == (0, begun.trial_end)

    def test_it_is_told_three_days_before_the_end(
        self, price: Any, subscribe: Any, events: Any, stripe_simulator: StripeSimulator
    ) -> None:
        subscribe(price(2900, "month"), trial_period_days=7)
        stripe_simulator.clock.advance(4 * DAY)
        assert events("customer.subscription.trial_will_end") == ["customer.subscription.trial_will_end"]

    def test_the_first_period_is_paid_an_hour_after_the_end(
        self, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun = subscribe(price(2900, "month"), trial_period_days=7)
        stripe_simulator.clock.advance(7 * DAY)
        assert client.subscriptions.retrieve(begun.id).status == "active"
        assert period(client, begun) == (at(2026, 1, 22, 12), at(2026, 2, 22, 12))
        stripe_simulator.clock.advance(HOUR)
        paid = invoices(client, begun)[0]
        assert (paid.status, paid.amount_paid, paid.billing_reason) == ("paid", 2900, "subscription_cycle")

    def test_it_can_be_ended_now(self, client: Any, price: Any, subscribe: Any) -> None:
        """https://docs.stripe.com/billing/subscriptions/trials#end-trials-early"""
        begun = subscribe(price(2900, "month"), trial_period_days=7)
        ended = client.subscriptions.update(begun.id, {"trial_end": "now", "expand": ["latest_invoice"]})
        assert (ended.status, ended.latest_invoice.amount_paid) == ("active", 2900)
        assert ended.billing_cycle_anchor == at(2026, 1, 15, 12)

    def test_it_can_last_longer(self, client: Any, price: Any, subscribe: Any) -> None:
        begun = subscribe(price(2900, "month"), trial_period_days=7)
        longer = client.subscriptions.update(begun.id, {"trial_end": at(2026, 2, 1, 12)})
        assert (longer.status, longer["items"].data[0].current_period_end) == ("trialing", at(2026, 2, 1, 12))

    @pytest.mark.parametrize(("behavior", "status"), [("cancel", "canceled"), ("pause", "paused")])
    def test_without_a_card_it_ends_as_it_was_asked_to(
        self, behavior: str, status: str, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/billing/subscriptions/trials#create-free-trials-without-payment"""
        owner = client.customers.create({"email": "ada@example.com"}).id
        settings = {"end_behavior": {"missing_payment_method": behavior}}
        begun = subscribe(price(2900, "month"), customer=owner, trial_period_days=7, trial_settings=settings)
        stripe_simulator.clock.advance(7 * DAY)
        assert client.subscriptions.retrieve(begun.id).status == status

    def test_a_change_of_plan_in_a_trial_costs_nothing(self, price: Any, subscribe: Any, change: Any) -> None:
        begun = subscribe(price(1000, "month"), trial_period_days=7)
        changed = change(begun, price(4000, "month"))
        assert (changed.status, changed["items"].data[0].price.unit_amount) == ("trialing", 4000)
        assert changed.latest_invoice.id == begun.latest_invoice


class TestFailingPayments:
    """https://docs.stripe.com/billing/revenue-recovery/smart-retries; the moments of the retries are our reading."""

    @pytest.fixture
    def behind(self, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator) -> Callable[..., Any]:
        def make(failures: int) -> Any:
            begun = subscribe(price(2900, "month"))
            for _ in range(failures):
                stripe_simulator.decline_next(begun.customer, "insufficient_funds")
            stripe_simulator.clock.advance(31 * DAY + HOUR)
            return begun

        return make

    def test_a_declined_renewal_makes_it_past_due(self, client: Any, behind: Any) -> None:
        begun = behind(1)
        invoice = invoices(client, begun)[0]
        assert client.subscriptions.retrieve(begun.id).status == "past_due"
        assert (invoice.status, invoice.attempt_count) == ("open", 1)
        assert invoice.next_payment_attempt == at(2026, 2, 18, 13)

    def test_a_retry_that_succeeds_makes_it_active_again(
        self, client: Any, behind: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun = behind(2)
        stripe_simulator.clock.advance(8 * DAY)
        assert client.subscriptions.retrieve(begun.id).status == "active"
        assert invoices(client, begun)[0].attempt_count == 3

    def test_after_the_last_retry_it_is_canceled(
        self, client: Any, behind: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun = behind(4)
        stripe_simulator.clock.advance(15 * DAY)
        ended = client.subscriptions.retrieve(begun.id)
        assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")

    def test_or_it_is_left_unpaid_where_the_account_says_so(
        self, client: Any, behind: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/billing/subscriptions/overview#unpaid: later invoices stay drafts"""
        stripe_simulator.after_last_retry = "unpaid"
        begun = behind(4)
        stripe_simulator.clock.advance(29 * DAY)
        assert client.subscriptions.retrieve(begun.id).status == "unpaid"
        assert [invoice.status for invoice in invoices(client, begun)] == ["draft", "open", "paid"]

    def test_the_customer_can_pay_before_the_retry(self, client: Any, behind: Any) -> None:
        begun = behind(1)
        client.invoices.pay(invoices(client, begun)[0].id, {"payment_method": "pm_card_mastercard"})
        assert client.subscriptions.retrieve(begun.id).status == "active"


class TestEnding:
    """https://docs.stripe.com/billing/subscriptions/cancel"""

    def test_it_can_be_canceled_at_once(self, client: Any, price: Any, subscribe: Any, events: Any) -> None:
        begun = subscribe(price(2900, "month"))
        ended = client.subscriptions.cancel(begun.id)
        assert (ended.status, ended.ended_at) == ("canceled", at(2026, 1, 15, 12))
        assert events()[-1] == "customer.subscription.deleted"
        with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
            client.subscriptions.cancel(begun.id)

    def test_or_at_the_end_of_its_period(
        self, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun = subscribe(price(2900, "month"))
        ending = client.subscriptions.update(begun.id, {"cancel_at_period_end": True})
        assert (ending.status, ending.cancel_at) == ("active", at(2026, 2, 15, 12))
        stripe_simulator.clock.advance(31 * DAY)
        ended = client.subscriptions.retrieve(begun.id)
        assert (ended.status, ended.cancellation_details.reason) == ("canceled", "cancellation_requested")
        assert len(invoices(client, begun)) == 1

    def test_until_then_it_can_be_resumed(
        self, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun = subscribe(price(2900, "month"))
        client.subscriptions.update(begun.id, {"cancel_at_period_end": True})
        resumed = client.subscriptions.update(begun.id, {"cancel_at_period_end": False})
        assert (resumed.cancel_at, resumed.canceled_at) == (None, None)
        stripe_simulator.clock.advance(31 * DAY + HOUR)
        assert client.subscriptions.retrieve(begun.id).status == "active"

    def test_what_is_still_a_draft_is_not_collected(
        self, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        begun = subscribe(price(2900, "month"))
        stripe_simulator.clock.advance(31 * DAY)
        client.subscriptions.cancel(begun.id)
        stripe_simulator.clock.advance(2 * HOUR)
        assert invoices(client, begun)[0].status == "draft"

    def test_deleting_the_customer_ends_it(self, client: Any, price: Any, subscribe: Any) -> None:
        """https://docs.stripe.com/api/customers/delete"""
        begun = subscribe(price(2900, "month"))
        client.customers.delete(begun.customer)
        assert client.subscriptions.retrieve(begun.id).status == "canceled"
        assert client.customers.retrieve(begun.customer).deleted


class TestClocksOfTheirOwn:
    """https://docs.stripe.com/billing/testing/test-clocks"""

    @pytest.fixture
    def clocked(self, client: Any, price: Any, customer: Any, subscribe: Any) -> tuple[Any, Any]:
        """A test clock a year behind the simulator's, and a subscription that lives by it."""
        made = client.test_helpers.test_clocks.create({"frozen_time": at(2025, 1, 15, 12)})
        return made, subscribe(price(2900, "month"), customer=customer(test_clock=made.id).id)

    def test_what_belongs_to_its_customers_lives_in_its_time(
        self, clocked: Any, client: Any, stripe_simulator: StripeSimulator
    ) -> None:
        made, begun = clocked
        assert period(client, begun) == (at(2025, 1, 15, 12), at(2025, 2, 15, 12))
        stripe_simulator.clock.advance(400 * DAY)
        assert len(invoices(client, begun)) == 1
        client.test_helpers.test_clocks.advance(made.id, {"frozen_time": at(2025, 2, 15, 13)})
        assert [invoice.status for invoice in invoices(client, begun)] == ["paid", "paid"]

    def test_it_only_goes_forward(self, clocked: Any, client: Any) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="future time"):
            client.test_helpers.test_clocks.advance(clocked[0].id, {"frozen_time": at(2024, 1, 1)})

    def test_all_that_is_on_it_goes_with_it(self, clocked: Any, client: Any) -> None:
        made, begun = clocked
        client.test_helpers.test_clocks.delete(made.id)
        with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
            client.customers.retrieve(begun.customer)
        with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
            client.subscriptions.retrieve(begun.id)
