"""Refunds, disputes, one-off invoices, tax, discounts, saved cards."""

from datetime import timedelta
from typing import Any

import pytest
import requests
import stripe

from quickscale_billing.testing import StripeSimulator
from quickscale_billing.testing.errors import StripeError

pytestmark = pytest.mark.once


@pytest.fixture
def paid(client: Any) -> Any:
    """A payment of 49.00."""
    asked = {"amount": 4900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    return client.payment_intents.create(asked)


def sell(client: Any, sold: Any, **more: Any) -> Any:
    lines = [{"price": sold.id, "quantity": 1}]
    asked = {"mode": "payment", "line_items": lines, "success_url": "http://testserver/done"}
    return client.checkout.sessions.create({**asked, **more})


class TestRefunds:
    """https://docs.stripe.com/refunds"""

    def test_a_part_can_be_given_back_until_nothing_is_left(self, client: Any, paid: Any) -> None:
        client.refunds.create({"payment_intent": paid.id, "amount": 1470})
        assert client.charges.retrieve(paid.latest_charge).amount_refunded == 1470
        client.refunds.create({"payment_intent": paid.id})
        charge = client.charges.retrieve(paid.latest_charge, {"expand": ["refunds"]})
        assert (charge.refunded, [refund.amount for refund in charge.refunds.data]) == (True, [3430, 1470])

    def test_more_than_is_left_is_refused(self, client: Any, paid: Any) -> None:
        """https://docs.stripe.com/error-codes#charge-already-refunded"""
        with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
            client.refunds.create({"payment_intent": paid.id, "amount": 4901})
        client.refunds.create({"payment_intent": paid.id})
        with pytest.raises(stripe.InvalidRequestError, match="already been refunded"):
            client.refunds.create({"payment_intent": paid.id})

    def test_it_is_told_by_two_events(self, client: Any, paid: Any, events: Any) -> None:
        client.refunds.create({"payment_intent": paid.id, "amount": 100})
        assert events()[-2:] == ["refund.created", "charge.refunded"]


class TestDisputes:
    """https://docs.stripe.com/disputes/how-disputes-work"""

    def test_opening_one_withdraws_the_money(
        self, client: Any, paid: Any, events: Any, stripe_simulator: StripeSimulator
    ) -> None:
        opened = stripe_simulator.dispute(paid)
        shown = client.disputes.retrieve(opened["id"])
        assert (shown.status, shown.amount, shown.balance_transactions[0].amount) == ("needs_response", 4900, -4900)
        assert client.charges.retrieve(paid.latest_charge).disputed
        assert events()[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]

    def test_winning_gives_it_back(self, client: Any, paid: Any, events: Any, stripe_simulator: Any) -> None:
        opened = stripe_simulator.dispute(paid)
        stripe_simulator.close_dispute(opened, "won")
        shown = client.disputes.retrieve(opened["id"])
        assert shown.status == "won"
        assert sum(each.amount for each in shown.balance_transactions) == 0
        assert events()[-2:] == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]

    def test_giving_up_loses_it(self, client: Any, paid: Any, stripe_simulator: StripeSimulator) -> None:
        """https://docs.stripe.com/api/disputes/close"""
        assert client.disputes.close(stripe_simulator.dispute(paid)["id"]).status == "lost"

    @pytest.mark.parametrize(("words", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
    def test_evidence_decides_as_in_test_mode(
        self, words: str, status: str, client: Any, paid: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/testing#evidence"""
        opened = stripe_simulator.dispute(paid)
        evidence = {"uncategorized_text": words}
        assert client.disputes.update(opened["id"], {"evidence": evidence}).status == status

    def test_an_inquiry_takes_nothing_until_it_is_escalated(
        self, client: Any, paid: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/disputes/how-disputes-work#inquiries"""
        opened = stripe_simulator.dispute(paid, inquiry=True)
        assert client.disputes.retrieve(opened["id"]).balance_transactions == []
        stripe_simulator.escalate(opened)
        shown = client.disputes.retrieve(opened["id"])
        assert (shown.status, shown.balance_transactions[0].amount) == ("needs_response", -4900)

    def test_an_inquiry_that_is_closed_leaves_nothing(self, paid: Any, stripe_simulator: StripeSimulator) -> None:
        opened = stripe_simulator.dispute(paid, inquiry=True)
        assert stripe_simulator.close_dispute(opened)["status"] == "warning_closed"

    def test_a_charge_under_dispute_is_not_refunded(self, client: Any, paid: Any, stripe_simulator: Any) -> None:
        """https://docs.stripe.com/error-codes#charge-disputed"""
        stripe_simulator.dispute(paid)
        with pytest.raises(stripe.InvalidRequestError, match="charged back"):
            client.refunds.create({"payment_intent": paid.id})

    def test_a_test_card_brings_its_own_dispute(self, client: Any) -> None:
        """https://docs.stripe.com/testing#disputes"""
        asked = {"amount": 4900, "currency": "usd", "payment_method": "pm_card_createDispute", "confirm": True}
        intent = client.payment_intents.create(asked)
        assert client.disputes.list({"payment_intent": intent.id}).data[0].reason == "fraudulent"


class TestOneOffInvoices:
    """https://docs.stripe.com/invoicing/integration/quickstart"""

    @pytest.fixture
    def draft(self, client: Any, customer: Any) -> Any:
        invoice = client.invoices.create({"customer": customer().id, "metadata": {"topup": "7"}})
        asked = {"customer": invoice.customer, "invoice": invoice.id, "amount": 4900, "currency": "usd"}
        client.invoice_items.create(asked)
        return invoice

    def test_it_is_paid_without_the_customer(self, client: Any, draft: Any) -> None:
        paid = client.invoices.pay(draft.id)
        assert (paid.status, paid.amount_paid, paid.metadata["topup"]) == ("paid", 4900, "7")
        assert paid.lines.data[0].parent.type == "invoice_item_details"

    def test_a_declined_one_stays_open(self, client: Any, draft: Any, stripe_simulator: StripeSimulator) -> None:
        stripe_simulator.decline_next(draft.customer, "insufficient_funds")
        with pytest.raises(stripe.CardError, match="insufficient funds"):
            client.invoices.pay(draft.id)
        assert client.invoices.retrieve(draft.id).status == "open"
        assert client.invoices.void_invoice(draft.id).status == "void"

    def test_a_card_that_wants_authentication_needs_the_hosted_page(
        self, client: Any, draft: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/payments/3d-secure; off session it counts as a decline"""
        with pytest.raises(stripe.CardError) as declined:
            client.invoices.pay(draft.id, {"payment_method": "pm_card_authenticationRequired"})
        assert declined.value.code == "authentication_required"
        page = client.invoices.retrieve(draft.id).hosted_invoice_url
        form = {"cardNumber": "4000000000003220"}
        asked = requests.post(page, data=form, timeout=5)
        assert "/authenticate/pi_" in asked.url
        requests.post(asked.url, data={"step": "complete"}, timeout=5)
        assert client.invoices.retrieve(draft.id).status == "paid"

    def test_the_balance_pays_first(self, client: Any, draft: Any) -> None:
        """https://docs.stripe.com/billing/customer/balance"""
        client.customers.update(draft.customer, {"balance": -1900})
        paid = client.invoices.pay(draft.id)
        assert (paid.amount_due, paid.starting_balance, paid.ending_balance) == (3000, -1900, 0)
        kinds = [each.type for each in client.customers.balance_transactions.list(draft.customer).data]
        assert kinds == ["applied_to_invoice", "adjustment"]

    def test_a_final_invoice_is_not_final_twice(self, client: Any, draft: Any) -> None:
        client.invoices.finalize_invoice(draft.id)
        with pytest.raises(stripe.InvalidRequestError, match="already finalized"):
            client.invoices.finalize_invoice(draft.id)


class TestDiscounts:
    """https://docs.stripe.com/billing/subscriptions/coupons"""

    @pytest.mark.parametrize(
        ("duration", "paid"),
        [
            ({"duration": "once"}, [2000, 2000, 1500]),
            ({"duration": "repeating", "duration_in_months": 2}, [2000, 1500, 1500]),
            ({"duration": "forever"}, [1500, 1500, 1500]),
        ],
    )
    def test_it_lasts_as_long_as_its_coupon_says(
        self, duration: Any, paid: Any, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        coupon = client.coupons.create({"percent_off": 25, **duration})
        begun = subscribe(price(2000, "month"), discounts=[{"coupon": coupon.id}])
        for _ in range(2):
            stripe_simulator.clock.advance(timedelta(days=31, hours=1))
        assert [invoice.amount_paid for invoice in client.invoices.list({"subscription": begun.id}).data] == paid

    def test_a_used_up_coupon_is_refused(self, client: Any, price: Any, stripe_simulator: StripeSimulator) -> None:
        """https://docs.stripe.com/api/coupons/create#create_coupon-max_redemptions"""
        coupon = client.coupons.create({"amount_off": 900, "currency": "usd", "duration": "once", "max_redemptions": 1})
        given = {"discounts": [{"coupon": coupon.id}]}
        assert stripe_simulator.pay(sell(client, price(4900), **given))["amount_total"] == 4000
        with pytest.raises(stripe.InvalidRequestError, match="expired and cannot be applied"):
            sell(client, price(4900), **given)


class TestTax:
    """https://docs.stripe.com/tax; the same rates for everybody, and none until they are set, is our reading."""

    @pytest.mark.parametrize(("behavior", "total", "tax"), [("exclusive", 5831, 931), ("inclusive", 4900, 782)])
    def test_it_comes_on_top_or_is_contained(
        self, behavior: str, total: int, tax: int, client: Any, price: Any, stripe_simulator: StripeSimulator
    ) -> None:
        stripe_simulator.tax_percent = 19
        session = sell(client, price(4900, tax_behavior=behavior), automatic_tax={"enabled": True})
        assert (session.amount_subtotal, session.amount_total, session.total_details.amount_tax) == (4900, total, tax)

    def test_an_invoice_tells_it_by_line(
        self, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        stripe_simulator.tax_percent = 19
        begun = subscribe(price(2000, "month"), automatic_tax={"enabled": True}, expand=["latest_invoice"])
        invoice = begun.latest_invoice
        assert (invoice.total_excluding_tax, invoice.total, invoice.total_taxes[0].amount) == (2000, 2380, 380)
        assert invoice.lines.data[0].taxes[0].taxable_amount == 2000

    def test_an_invoice_names_its_rate_by_an_id_that_can_be_expanded_or_asked_for(
        self, client: Any, price: Any, subscribe: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/api/invoices/object#invoice_object-total_taxes-tax_rate_details"""
        stripe_simulator.tax_percent = 19
        invoice = subscribe(price(2000, "month"), automatic_tax={"enabled": True}).latest_invoice
        expand = {"expand": ["total_taxes.tax_rate_details.tax_rate"]}
        [expanded] = client.invoices.retrieve(invoice, expand).total_taxes
        [named] = client.invoices.retrieve(invoice).total_taxes
        rate = client.tax_rates.retrieve(named.tax_rate_details.tax_rate)
        assert (rate.display_name, rate.percentage, rate.inclusive) == ("VAT", 19, False)
        assert expanded.tax_rate_details.tax_rate == rate
        assert client.tax_rates.list({"inclusive": False}).data == [rate]
        assert client.tax_rates.list({"inclusive": True}).data == []

    def test_an_invoice_adds_its_taxes_up_by_rate(
        self, client: Any, price: Any, subscribe: Any, change: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/api/invoices/object#invoice_object-total_taxes"""
        stripe_simulator.tax_percent = 10
        begun = subscribe(price(2000, "month"), automatic_tax={"enabled": True})
        invoice = change(begun, price(5000, "month")).latest_invoice
        assert sorted(line.taxes[0].amount for line in invoice.lines.data) == [-200, 500]
        assert [(each.amount, each.taxable_amount) for each in invoice.total_taxes] == [(300, 3000)]

    @pytest.mark.parametrize(("behavior", "taxes"), [("exclusive", [245, 489]), ("inclusive", [213, 425])])
    def test_a_session_breaks_several_taxes_down_by_rate(
        self, behavior: str, taxes: list[int], client: Any, price: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-total_details-breakdown"""
        stripe_simulator.taxes = {"GST": 5, "QST": "9.975"}
        assert stripe_simulator.tax_percent == 14.975
        sold = sell(client, price(4900, tax_behavior=behavior), automatic_tax={"enabled": True})
        expand = {"expand": ["total_details.breakdown", "line_items.data.taxes"]}
        session = client.checkout.sessions.retrieve(sold.id, expand)
        told = session.total_details.breakdown.taxes
        assert [(each.rate.display_name, each.amount) for each in told] == [("GST", taxes[0]), ("QST", taxes[1])]
        assert {each.rate.inclusive for each in told} == {behavior == "inclusive"}
        assert [each.to_dict() for each in session.line_items.data[0].taxes] == [each.to_dict() for each in told]
        assert session.total_details.amount_tax == sum(taxes)


class TestSavedCards:
    """https://docs.stripe.com/payments/save-and-reuse"""

    @pytest.fixture
    def session(self, client: Any) -> Any:
        owner = client.customers.create({"email": "ada@example.com"}).id
        asked = {"mode": "setup", "customer": owner, "currency": "usd", "success_url": "http://testserver/done"}
        return client.checkout.sessions.create(asked)

    def test_a_setup_session_keeps_a_card(self, client: Any, session: Any, stripe_simulator: StripeSimulator) -> None:
        """https://docs.stripe.com/payments/checkout/save-without-payment"""
        stripe_simulator.pay(session, card="5555555555554444")
        done = client.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent.payment_method"]})
        assert (done.status, done.payment_status, done.setup_intent.status) == (
            "complete",
            "no_payment_required",
            "succeeded",
        )
        assert done.setup_intent.payment_method.customer == session.customer

    def test_one_that_was_set_up_needs_no_challenge_later(
        self, client: Any, session: Any, stripe_simulator: StripeSimulator
    ) -> None:
        """https://docs.stripe.com/testing#authentication-and-setup"""
        stripe_simulator.pay(session, card="4000002500003155")
        method = client.payment_methods.list({"customer": session.customer}).data[0].id
        asked = {"amount": 100, "currency": "usd", "customer": session.customer, "payment_method": method}
        paid = client.payment_intents.create({**asked, "confirm": True, "off_session": True})
        assert paid.status == "succeeded"

    def test_a_declined_card_is_not_kept(self, client: Any, session: Any, stripe_simulator: StripeSimulator) -> None:
        with pytest.raises(StripeError, match="declined"):
            stripe_simulator.pay(session, card="4000000000000002")
        assert client.payment_methods.list({"customer": session.customer}).data == []

    def test_a_detached_card_is_nobodys_default(self, client: Any, customer: Any) -> None:
        """https://docs.stripe.com/api/payment_methods/detach"""
        owner = customer()
        client.payment_methods.detach(owner.invoice_settings.default_payment_method)
        assert client.customers.retrieve(owner.id).invoice_settings.default_payment_method is None


def test_a_paid_session_can_make_an_invoice(client: Any, price: Any, customer: Any, stripe_simulator: Any) -> None:
    """https://docs.stripe.com/payments/checkout/receipts#paid-invoices"""
    session = sell(client, price(4900), customer=customer().id, invoice_creation={"enabled": True})
    stripe_simulator.pay(session)
    done = client.checkout.sessions.retrieve(session.id, {"expand": ["invoice"]})
    assert (done.invoice.status, done.invoice.amount_paid) == ("paid", 4900)


def test_a_lookup_key_moves_from_price_to_price(client: Any, price: Any) -> None:
    """https://docs.stripe.com/products-prices/manage-prices#lookup-keys"""
    old = price(1000, lookup_key="large")
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        price(1200, lookup_key="large")
    new = price(1200, lookup_key="large", transfer_lookup_key=True)
    assert [each.id for each in client.prices.list({"lookup_keys": ["large"]}).data] == [new.id]
    assert client.prices.retrieve(old.id).lookup_key is None
