"""What came in, what went back of it, and when it counts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from quickscale_billing.conf import conf
from quickscale_billing.models import (
    Dispute,
    Payment,
    Refund,
)
from quickscale_credits import analytics
from quickscale_credits.ledger.accounts import open_account
from tests.billing.books import answers
from tests.billing.trade import CURRENCIES


def sale(user, amount, *, tax=0, currency="usd", at=None):
    number = Payment.objects.count()
    return Payment.objects.create(
        account=open_account(user),
        stripe_payment_intent_id=f"pi_{number}",
        amount=amount,
        tax=tax,
        currency=currency,
        paid_at=at or timezone.now(),
    )


def pay_back(payment, amount, status="succeeded"):
    return Refund.objects.create(payment=payment, amount=amount, currency=payment.currency, status=status)


def revenue(period=None, currency="usd"):
    figures, _, _ = answers("revenue", period or analytics.Period.last_days(7))
    return {key: value for (key, of), value in figures.items() if of == currency}


def test_three_refunds_of_a_payment_take_all_of_it_and_of_its_tax_and_no_more(user, db):
    paid = sale(user, 1_190, tax=190)
    for amount in (333, 333, 524):
        pay_back(paid, amount)
    assert revenue() == {"gross": 1_000, "refunded": 1_000, "disputed": 0, "net": 0, "tax": 0}


def test_a_refund_counts_when_it_is_made_and_leaves_the_sale_where_it_was(user, clock):
    paid = sale(user, 1_000)
    clock.shift(timedelta(days=10))
    pay_back(paid, 400)
    assert revenue() == {"gross": 0, "refunded": 400, "disputed": 0, "net": -400, "tax": 0}
    assert revenue(analytics.Period.last_days(30))["net"] == 600


def test_a_refund_and_a_lost_dispute_take_no_more_than_was_paid(user, db):
    paid = sale(user, 1_000)
    pay_back(paid, 400)
    Dispute.objects.create(
        payment=paid, stripe_id="dp_1", amount=1_000, currency="usd", status="lost", opened_at=timezone.now()
    )
    assert revenue() == {"gross": 1_000, "refunded": 400, "disputed": 600, "net": 0, "tax": 0}


@pytest.mark.parametrize("status", ["failed", "canceled", "requested"])
def test_a_refund_whose_money_did_not_go_back_is_none(user, db, status):
    pay_back(sale(user, 1_000), 400, status)
    assert revenue()["refunded"] == 0


def test_the_first_and_the_last_moment_of_a_period_belong_to_it(user, settings):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "America/New_York"}
    new_york = ZoneInfo("America/New_York")
    for amount, at in [
        (1, datetime(2026, 3, 7, 23, 59, 59, 999_999, tzinfo=new_york)),
        (10, datetime(2026, 3, 8, tzinfo=new_york)),  # the day has 23 hours
        (100, datetime(2026, 3, 8, 23, 59, 59, 999_999, tzinfo=new_york)),
        (1_000, datetime(2026, 3, 9, tzinfo=new_york)),
    ]:
        sale(user, amount, at=at.astimezone(UTC))
    assert revenue(analytics.Period(start=date(2026, 3, 8), end=date(2026, 3, 8)))["gross"] == 110


def test_currencies_are_added_only_where_a_reporting_currency_and_all_rates_are_set(user, settings):
    for currency in CURRENCIES:
        sale(user, 1_000, currency=currency)  # 10.00 dollars, 1000 yen, 1.000 dinar
    assert "net-all" not in revenue()
    rates = {"jpy": "0.0067", "kwd": "3.25"}
    settings.QUICKSCALE_BILLING = {"REPORTING_CURRENCY": "usd", "REPORTING_RATES": rates}
    assert revenue()["net-all"] == 1_000 + 670 + 325
    settings.QUICKSCALE_BILLING = {"REPORTING_CURRENCY": "usd", "REPORTING_RATES": {"jpy": "0.0067"}}
    assert revenue()["net-all"] is None


def test_the_reporting_currency_is_shown_first_and_then_the_one_with_most_payments(user, settings):
    for currency in ("kwd", "usd", "jpy", "usd", "jpy", "jpy"):
        sale(user, 1_000, currency=currency)
    assert shown_currencies() == ["jpy", "usd", "kwd"]
    settings.QUICKSCALE_BILLING = {"REPORTING_CURRENCY": "kwd"}
    assert shown_currencies() == ["kwd", "jpy", "usd"]


def shown_currencies():
    _, series, tables = answers("revenue", analytics.Period.last_days(7))
    shown = list(dict.fromkeys(currency for _key, currency in series))
    assert [f"products-{currency}" for currency in shown] == list(tables)
    return shown


@pytest.mark.parametrize(
    "value",
    [
        {"REPORTING_CURRENCY": "USD"},
        {"REPORTING_RATES": [1]},
        {"REPORTING_RATES": {"eur": 1.08}},
        {"REPORTING_RATES": {"eur": 0}},
        {"REPORTING_RATES": {"eur": "1/0"}},
        {"REPORTING_RATES": {"EUR": "1"}},
    ],
)
def test_a_rate_or_currency_that_is_none_is_refused(settings, value):
    settings.QUICKSCALE_BILLING = value
    (key,) = value
    with pytest.raises(ImproperlyConfigured, match=key):
        getattr(conf, key)
