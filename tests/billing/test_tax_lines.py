"""The taxes in a payment, each by itself: from what Stripe tells to the lines of a receipt."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone, translation
from pypdf import PdfReader

from quickscale_billing import checkout, facts, history, payments, reconciliation, refunds, subscriptions, taxing
from quickscale_billing.history import receipts
from quickscale_billing.models import Payment, PaymentTax
from quickscale_billing.stripe.payment_readers import PaymentState
from quickscale_billing.stripe.readers import InvoiceState
from quickscale_billing.stripe.taxes import Tax, TaxRate, read_invoice_taxes, read_rate
from quickscale_billing.testing.api import Answer
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.models import CreditAccount
from tests.billing.topping import add_card, agree, run_low
from tests.stories.threads import at_once

pytestmark = pytest.mark.usefixtures("clock")

Lines = list[tuple[str, int]]
CANADA = {"GST": 5, "QST": "9.975"}


@pytest.fixture
def taxed(shop: Any, settings: Any) -> Any:
    """21 % VAT on top of every price."""
    shop.tax_percent = 21
    told = {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto"}}
    settings.QUICKSCALE_BILLING = {"CHECKOUT": told, "AUTO_TOP_UP": True}
    return shop


@pytest.fixture
def buyer(db: None) -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com")


def include_taxes(shop: Any) -> None:
    """Prices are told with them from now on."""
    for price in shop.sandbox.all("price"):
        price["tax_behavior"] = "inclusive"


def buy(shop: Any, buyer: Any, item: str) -> Payment:
    session = checkout.start(buyer, item)
    shop.pay(session)
    facts.settle_session(str(session.stripe_id))
    return Payment.objects.latest("pk")


def lines(payment: Payment) -> Lines:
    return [(str(row), row.amount) for row in payment.taxes.all()]


def printed(payment: Payment) -> str:
    reader = PdfReader(BytesIO(history.receipt(Payment.objects.get(pk=payment.pk))))
    return "\n".join(page.extract_text() for page in reader.pages)


def again(payment: Payment) -> None:
    """Stripe is asked anew for all that it has of the payment."""
    if payment.invoice is None:
        facts.settle_session(str(payment.stripe_session_id))
    else:
        facts.settle_whole_subscription(payment.invoice.subscription.stripe_id)


@contextmanager
def rates_refused(shop: Any, monkeypatch: pytest.MonkeyPatch, status: int = 403) -> Iterator[None]:
    """As with a restricted key that may not read tax rates."""
    answer: Callable[..., Answer] = shop.api.answer

    def refuse(method: str, path: str, *more: Any) -> Answer:
        if path.startswith("/v1/tax_rates"):
            body = {"error": {"type": "invalid_request_error", "message": "This key may not read tax rates."}}
            return Answer(HTTPStatus(status), body, {})
        return answer(method, path, *more)

    with monkeypatch.context() as patch:
        patch.setattr(shop.api, "answer", refuse)
        yield


@pytest.mark.parametrize("item", ["large", "pro"])
def test_a_tax_on_top_of_the_price_has_its_line(taxed, buyer, item):
    payment = buy(taxed, buyer, item)
    assert lines(payment) == [("VAT 21 %", 1029)]
    text = printed(payment)
    assert "VAT 21 % 10.29 USD" in text
    assert "(included)" not in text


@pytest.mark.parametrize("item", ["large", "pro"])
def test_a_tax_that_is_in_the_price_is_said_to_be(taxed, buyer, item):
    include_taxes(taxed)
    payment = buy(taxed, buyer, item)
    assert (payment.amount, payment.tax) == (4900, 850)
    assert lines(payment) == [("VAT 21 % (included)", 850)]
    assert "VAT 21 % (included) 8.50 USD" in printed(payment)


@pytest.mark.parametrize("item", ["large", "pro"])
@pytest.mark.parametrize(
    ("included", "told"),
    [
        (False, [("GST 5 %", 245), ("QST 9.975 %", 489)]),
        (True, [("GST 5 % (included)", 213), ("QST 9.975 % (included)", 425)]),
    ],
)
def test_two_taxes_have_two_lines_that_add_up(taxed, buyer, item, included, told):
    taxed.taxes = CANADA
    if included:
        include_taxes(taxed)
    payment = buy(taxed, buyer, item)
    assert lines(payment) == told
    assert sum(amount for _words, amount in told) == payment.tax
    text = printed(payment)
    assert [words for words, _amount in told if words not in text] == []


def test_a_top_up_has_its_taxes_too(taxed, buyer):
    add_card(taxed, buyer)
    agree(buyer)
    run_low(buyer)
    call_command("top_up", verbosity=0)
    assert lines(Payment.objects.get()) == [("VAT 21 %", 147)]


def test_without_tax_there_are_no_lines(shop, buyer):
    payment = buy(shop, buyer, "large")
    assert lines(payment) == []
    assert "Tax" not in printed(payment)


def test_what_an_upgrade_credits_back_is_in_its_one_line(taxed, buyer, clock):
    buy(taxed, buyer, "basic")
    clock.shift(timedelta(days=15))
    taxed.clock.advance(timedelta(days=15))
    subscriptions.change_plan(buyer, "pro")
    payment = Payment.objects.latest("pk")
    assert lines(payment) == [("VAT 21 %", payment.tax)]
    assert 0 < payment.tax < 1029


@pytest.mark.parametrize("item", ["large", "pro"])
def test_told_again_the_same_rows_stay(taxed, buyer, item):
    taxed.taxes = CANADA
    payment = buy(taxed, buyer, item)
    before = list(payment.taxes.values_list("pk", "name", "amount"))
    again(payment)
    found = reconciliation.drift(timezone.now() - timedelta(days=1))
    reconciliation.repair(found)
    assert list(payment.taxes.values_list("pk", "name", "amount")) == before
    assert len(before) == 2


def test_a_rate_is_asked_for_once(taxed, buyer):
    payment = buy(taxed, buyer, "pro")
    asked: list[str] = []
    taxed.api.recorders.append(lambda exchange: asked.append(exchange.path))
    again(payment)
    assert [each for each in asked if "tax_rates" in each] == []
    assert asked


@pytest.mark.parametrize("item", ["large", "pro"])
def test_a_rate_that_is_renamed_keeps_its_name_in_what_was_paid(taxed, buyer, item):
    payment = buy(taxed, buyer, item)
    for rate in taxed.sandbox.all("tax_rate"):
        rate["display_name"] = "IVA"
    again(payment)
    assert lines(payment) == [("VAT 21 %", 1029)]


@pytest.mark.parametrize("status", [403, 503])
def test_a_rate_that_cannot_be_read_has_no_name_and_stops_nothing(taxed, buyer, monkeypatch, status, caplog):
    with rates_refused(taxed, monkeypatch, status):
        payment = buy(taxed, buyer, "pro")
    assert lines(payment) == [("Tax", 1029)]
    assert buyer.credit_account.balance > 0
    assert "has no name on receipts" in caplog.text


def test_it_is_named_when_it_can_be_read(taxed, buyer, monkeypatch):
    with rates_refused(taxed, monkeypatch):
        payment = buy(taxed, buyer, "pro")
    again(payment)
    assert lines(payment) == [("VAT 21 %", 1029)]


def test_a_receipt_that_was_given_keeps_its_line_without_a_name(taxed, buyer, monkeypatch, caplog):
    with rates_refused(taxed, monkeypatch):
        payment = buy(taxed, buyer, "pro")
    receipts.assigned(payment)
    again(payment)
    assert lines(payment) == [("Tax", 1029)]
    assert "VAT 21 % 1029" in caplog.text


def test_a_refund_does_not_change_them(taxed, buyer):
    payment = buy(taxed, buyer, "large")
    refunds.refund(payment, amount=2000, reason="half", actor=buyer)
    again(payment)
    assert lines(payment) == [("VAT 21 %", 1029)]
    assert "VAT 21 % 10.29 USD" in printed(payment)


VAT = TaxRate(id="txr_1", name="VAT", percentage=Decimal("21.0000"))
CITY = TaxRate(id="txr_2", name="City", percentage=None)


def tax(rate: TaxRate, amount: int) -> Tax:
    return Tax(rate_id=rate.id, amount=amount, is_included=False, rate=rate)


@pytest.fixture
def payment(buyer: Any) -> Payment:
    return Payment.objects.create(account=open_account(buyer), amount=1210, tax=210, currency="usd")


def tell(payment: Payment, *taxes: Tax) -> None:
    with transaction.atomic():
        taxing.note(payment, taxes, {})


def test_what_is_told_last_stands(payment):
    tell(payment, tax(VAT, 210))
    tell(payment, tax(VAT, 200), tax(CITY, 10))
    assert lines(payment) == [("VAT 21 %", 200), ("City", 10)]


def test_what_is_not_told_changes_nothing(payment):
    tell(payment, tax(VAT, 210))
    tell(payment)
    assert lines(payment) == [("VAT 21 %", 210)]


def test_in_another_order_they_are_the_same(payment):
    tell(payment, tax(VAT, 200), tax(CITY, 10))
    before = list(payment.taxes.values_list("pk", flat=True))
    tell(payment, tax(CITY, 10), tax(VAT, 200))
    assert list(payment.taxes.values_list("pk", flat=True)) == before


def test_a_receipt_keeps_what_stood_on_it_and_the_difference_is_logged(payment, caplog):
    tell(payment, tax(VAT, 210))
    text = printed(payment)
    tell(payment, tax(VAT, 200), tax(CITY, 10))
    assert printed(payment) == text
    assert "Stripe tells other taxes now: VAT 21 % 200, City 10" in caplog.text


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a lock that is not waited for is PostgreSQL's")
@pytest.mark.django_db(transaction=True)
def test_no_receipt_is_given_while_taxes_are_written(payment):
    tell(payment, tax(VAT, 210))
    with transaction.atomic():
        CreditAccount.objects.select_for_update().get()
        taxing.note(payment, [tax(VAT, 200), tax(CITY, 10)], {})
        [refused] = at_once(1, lambda: given_without_waiting(payment))
    assert isinstance(refused, OperationalError)
    assert [words for words, _money in receipts.content_of(receipts.assigned(payment)).sums[1:]] == ["VAT 21 %", "City"]


def given_without_waiting(payment: Payment) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '1ms'")
    return receipts.assigned(payment)


def test_a_receipt_of_before_taxes_were_kept_stays_as_it_is(payment, caplog):
    text = printed(payment)
    tell(payment, tax(VAT, 210))
    assert printed(payment) == text
    assert "Tax 2.10 USD" in text
    assert caplog.text == ""


def test_lines_that_do_not_add_up_are_one(payment):
    tell(payment, tax(VAT, 190), tax(CITY, 10))
    text = printed(payment)
    assert "Tax 2.10 USD" in text
    assert "VAT" not in text


def an_invoice(**told: Any) -> InvoiceState:
    now = timezone.now()
    usual: dict[str, Any] = {"id": "in_1", "livemode": False, "status": "paid", "currency": "usd", "created": now}
    return InvoiceState(**usual | {"subscription_id": None, "lines": (), "payment_ids": ("pi_1",), "tax": 147} | told)


def note(account: Any, state: InvoiceState, paid: dict[str, int]) -> None:
    now = timezone.now()
    usual: dict[str, Any] = {"livemode": False, "customer_id": None, "currency": "usd", "charge_id": None}
    states = {each: PaymentState(id=each, amount=amount, paid_at=now, **usual) for each, amount in paid.items()}
    with transaction.atomic():
        payments.note_invoice(account, state, payments.Money(states=states, began=now))


def test_of_several_payments_of_an_invoice_none_has_lines(buyer):
    account, state = open_account(buyer), an_invoice(taxes=(tax(VAT, 147),), payment_ids=("pi_1", "pi_2"))
    note(account, state, {"pi_1": 400, "pi_2": 447})
    assert Payment.objects.filter(invoice__stripe_id="in_1").count() == 2
    assert not PaymentTax.objects.exists()


def test_a_second_payment_leaves_the_first_its_lines(buyer):
    account, state = open_account(buyer), an_invoice(taxes=(tax(VAT, 147),))
    note(account, state, {"pi_1": 400})
    note(account, replace(state, payment_ids=("pi_1", "pi_2")), {"pi_2": 447})
    assert [lines(each) for each in Payment.objects.order_by("pk")] == [[("VAT 21 %", 147)], []]


@pytest.mark.once
def test_taxes_of_one_rate_are_added_up_and_those_of_nothing_left_out():
    told = [
        ("txr_1", 380, "exclusive"),
        ("txr_2", 0, "exclusive"),
        ("txr_1", -190, "exclusive"),
        ("txr_1", 5, "inclusive"),
    ]
    found = [
        {"amount": amount, "tax_behavior": behavior, "tax_rate_details": {"tax_rate": rate}}
        for rate, amount, behavior in told
    ]
    read = read_invoice_taxes({"total_taxes": [*found, {"amount": 7, "tax_behavior": "exclusive"}]})
    assert [(each.rate_id, each.amount, each.is_included) for each in read] == [
        ("txr_1", 190, False),
        ("txr_1", 5, True),
        (None, 7, False),
    ]


@pytest.mark.once
@pytest.mark.parametrize(
    ("told", "percentage"),
    [
        ({"percentage": 21}, "21"),
        ({"percentage": 21, "effective_percentage": 8.875}, "8.875"),
        ({"percentage": 21, "effective_percentage": 0}, "0"),
        ({"percentage": 0, "rate_type": "flat_amount", "flat_amount": {"amount": 27, "currency": "usd"}}, None),
        ({}, None),
    ],
)
def test_a_rates_percentage_is_the_one_that_was_counted_with(told, percentage):
    rate = read_rate({"id": "txr_1", "display_name": "VAT"} | told)
    assert rate.percentage == (None if percentage is None else Decimal(percentage))


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "percentage", "included", "language", "words"),
    [
        ("VAT", "21.0000", True, "en", "VAT 21 % (included)"),
        ("VAT", "10.0000", False, "en", "VAT 10 %"),
        ("QST", "9.9750", False, "en", "QST 9.975 %"),
        ("QST", "9.9750", False, "es", "QST 9,975 %"),
        ("IVA", "21.0000", True, "es", "IVA 21 % (incl.)"),
        ("", None, False, "en", "Tax"),
        ("", None, True, "es", "Impuestos (incl.)"),
        ("Delivery fee", None, False, "en", "Delivery fee"),
    ],
)
def test_a_line_is_called_by_name_and_percentage(name, percentage, included, language, words):
    row = PaymentTax(name=name, percentage=percentage and Decimal(percentage), is_included=included)
    with translation.override(language):
        assert str(row) == words


def test_staff_see_them_on_the_page_of_the_payment(taxed, buyer):
    payment = buy(taxed, buyer, "large")
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("root"))
    page = browser.get(f"/admin/quickscale_billing/payment/{payment.pk}/change/").content.decode()
    assert "VAT 21 %" in page
    assert payment.taxes.get().stripe_tax_rate_id in page
