"""Every figure about sales equals what plain Python finds in the rows, to the minor unit.

The computation here asks each row about each moment; the panels sum up in the database and follow changes.
"""

import os
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from quickscale_billing.conf import conf
from quickscale_billing.models import (
    Dispute,
    Invoice,
    PaidSegment,
    Payment,
    PlanSubscription,
    Purchase,
    Refund,
)
from quickscale_credits import analytics, ledger
from quickscale_credits.analytics.answers import ask
from quickscale_credits.ledger.accounts import open_account
from quickscale_credits.models import CreditGrant
from tests.billing.selling import Subscriber, plan
from tests.billing.trade import CURRENCIES, Trade

KEYS = ("revenue", "mrr", "customers", "failed-payments", "liability")
MOVES = ("new", "expansion", "contraction", "churned", "reactivated")
PEOPLE = 2_000 if os.environ.get("QUICKSCALE_FULL_SCALE") else 35
ZONES = ["UTC", "America/Los_Angeles", "Asia/Kolkata"]


def answers(key, period):
    answer = ask(analytics.registry[key], period)
    figures = {(each.key, each.currency): each.value for each in answer.figures}
    series = {(each.key, each.currency): dict(each.points) for each in answer.series}
    return figures, series, {table.key: [list(row) for row in table.rows] for table in answer.tables}


def periods():
    today = analytics.Period.last_days(1).end
    return [
        analytics.Period.last_days(30),
        analytics.Period.last_months(12),
        analytics.Period(start=today - timedelta(days=200), end=today - timedelta(days=33)),
    ]


class Books:
    """All rows, read once, and what one may add up of them without knowing how the library does."""

    def __init__(self):
        self.payments = list(Payment.objects.all())
        backs = defaultdict(list)
        for refund in Refund.objects.all():
            if refund.status in ("succeeded", "pending", "requires_action"):
                backs[refund.payment_id].append((refund.created_at, 0, refund.pk, refund.amount))
        for dispute in Dispute.objects.filter(status="lost"):
            backs[dispute.payment_id].append((dispute.closed_at, 1, dispute.pk, dispute.amount))
        self.backs = {pk: sorted(found) for pk, found in backs.items()}
        self.plans = {each.stripe_invoice_id: each.plan.name for each in PaidSegment.objects.select_related("plan")}
        self.packs = defaultdict(list)
        for each in Purchase.objects.select_related("pack").order_by("pk"):
            self.packs[each.payment_id].append((each.pack.name, each.amount, each.tax))
        self.invoices = dict(Invoice.objects.values_list("pk", "stripe_id"))
        self.segments = list(PaidSegment.objects.select_related("subscription").order_by("starts_at"))
        last = {}
        for each in self.segments:
            last[each.subscription_id] = each
        self.last = {each.pk for each in last.values()}
        self.accounts = sorted({each.subscription.account_id for each in self.segments})
        self.by_account = defaultdict(list)
        for each in self.segments:
            self.by_account[each.subscription.account_id].append(each)

    def lines(self, payment):
        """What was bought with it, its money, and the tax in that."""
        if payment.pk in self.packs:
            return self.packs[payment.pk]
        return [(self.plans[self.invoices[payment.invoice_id]], payment.amount, payment.tax)]

    def revenue(self, currency, first, last, zone, product=None):
        """Gross, refunded, disputed and tax of the days, both included."""
        gross = tax = 0
        back = [0, 0]
        for paid in self.payments:
            if paid.currency != currency:
                continue
            lines = self.lines(paid)
            wanted = [index for index, line in enumerate(lines) if product in (None, line[0])]
            if first <= day_of(paid.paid_at, zone) <= last:
                gross += sum(lines[index][1] - lines[index][2] for index in wanted)
                tax += sum(lines[index][2] for index in wanted)
            gone = 0
            for at, kind, _pk, amount in self.backs.get(paid.pk, []):
                before, gone = gone, min(paid.amount, gone + amount)
                if first <= day_of(at, zone) <= last:
                    for index in wanted:
                        had, had_net = gone_of(lines, index, before)
                        has, has_net = gone_of(lines, index, gone)
                        back[kind] += has_net - had_net
                        tax -= has - had - (has_net - had_net)
        return {
            "gross": gross,
            "refunded": back[0],
            "disputed": back[1],
            "net": gross - sum(back),
            "tax": tax,
        }

    def pays(self, segment, at):
        until = segment.closed_at or segment.ends_at
        if segment.subscription.ended_at:
            until = min(until, segment.subscription.ended_at)
        elif segment.pk in self.last and self.is_late(segment, until):
            return segment.monthly > 0 and segment.starts_at <= at
        return segment.monthly > 0 and segment.starts_at <= at < until

    def is_late(self, segment, until):
        status, grace = segment.subscription.status, timedelta(days=1)
        return status == "past_due" or (status == "active" and timezone.now() < until + grace)

    def mrr(self, account, at, currency=None):
        return sum(
            each.monthly
            for each in self.by_account[account]
            if currency in (None, each.currency) and self.pays(each, at)
        )

    def moves(self, since, until, currency=None):
        found, counts = dict.fromkeys(("start", "end", *MOVES), 0), dict.fromkeys(("start", "end", *MOVES), 0)
        for account in self.accounts:
            before, after = self.mrr(account, since, currency), self.mrr(account, until, currency)
            found["start"] += before
            found["end"] += after
            counts["start"] += bool(before)
            counts["end"] += bool(after)
            had = any(
                each.monthly
                and each.starts_at < since
                and each.starts_at < (each.subscription.ended_at or until)
                and currency in (None, each.currency)
                for each in self.by_account[account]
            )
            if before and after:
                found["expansion"] += max(0, after - before)
                found["contraction"] += max(0, before - after)
            elif before:
                found["churned"] += before
                counts["churned"] += 1
            elif after:
                found["reactivated" if had else "new"] += after
                counts["reactivated" if had else "new"] += 1
        return found, counts


def gone_of(lines, index, gone):
    """Of one line of a payment of which so much went back: how much of it, and the part that is no tax.

    Each line has what lies between the shares of those before it and of those up to it, rounded down.
    """
    total = sum(amount for _name, amount, _tax in lines)
    upper, lower = (gone * sum(line[1] for line in lines[:end]) // total for end in (index + 1, index))
    _name, amount, tax = lines[index]
    return upper - lower, (upper - lower) * (amount - tax) // amount


def day_of(moment, zone):
    return moment.astimezone(zone).date()


def spans_of(period):
    """Each place: its first and last day."""
    return {place: (max(place, period.start), period.last_day(place)) for place in period.places}


def instants(period, first, last):
    now = timezone.now()
    return min(period.midnight(first), now), min(period.midnight(last + timedelta(days=1)), now)


def check_revenue(books, period):
    figures, series, tables = answers("revenue", period)
    for currency in CURRENCIES:
        for key, amount in books.revenue(currency, period.start, period.end, period.zone).items():
            assert figures[key, currency] == amount
        for place, (first, last) in spans_of(period).items():
            for key, amount in books.revenue(currency, first, last, period.zone).items():
                assert series[key, currency][place] == amount
        rows = {
            name: dict(zip(("gross", "refunded", "disputed", "net", "tax"), row, strict=True))
            for name, _payments, *row in tables[f"products-{currency}"]
        }
        for name in ("Small", "Large", "Handful", "Sack"):
            expected = books.revenue(currency, period.start, period.end, period.zone, name)
            assert rows.get(name, dict.fromkeys(expected, 0)) == expected
    paid = [each for each in books.payments if each.amount and period.since <= each.paid_at < period.until]
    assert figures["payments", ""] == len(paid)


def check_recurring(books, period):
    figures, series, _ = answers("mrr", period)
    for currency in CURRENCIES:
        found, counts = books.moves(*instants(period, period.start, period.end), currency)
        assert figures["mrr", currency] == found["end"]
        assert figures["arr", currency] == found["end"] * 12
        for key in MOVES:
            assert figures[key, currency] == found[key], key
        assert figures[f"churn-{currency}", ""] == share(found["churned"], found["start"])
        arpu = Fraction(found["end"], counts["end"]) if counts["end"] else None
        assert figures["arpu", currency] == (None if arpu is None else round(arpu))
        if arpu and counts["churned"]:
            churn = Fraction(counts["churned"], counts["start"]) * 30 / period.days
            assert figures["ltv", currency] == round(arpu / churn)
        else:
            assert figures["ltv", currency] is None
        for place, days in spans_of(period).items():
            found, _ = books.moves(*instants(period, *days), currency)
            assert series["mrr", currency][place] == found["end"]
            assert {key: series[key, currency][place] for key in MOVES} == {key: found[key] for key in MOVES}


def check_customers(books, period):
    figures, series, tables = answers("customers", period)
    _, counts = books.moves(*instants(period, period.start, period.end))
    expected = {key: counts[key] for key in ("new", "reactivated", "churned")} | {"paying": counts["end"]}
    assert {key: figures[key, ""] for key in expected} == expected
    assert figures["churn", ""] == share(counts["churned"], counts["start"])
    for place, (_first, last) in spans_of(period).items():
        _, at = instants(period, last, last)
        assert series["paying", ""][place] == sum(bool(books.mrr(account, at)) for account in books.accounts)
    subscriptions = list(PlanSubscription.objects.all())
    paid = {each.subscription_id for each in books.segments}
    ended = [each for each in subscriptions if each.trial_end and period.since <= each.trial_end < period.until]
    assert figures["trials", ""] == share(sum(each.pk in paid for each in ended), len(ended))
    for key in ("active", "trialing", "past_due"):
        assert figures[key.replace("_", "-"), ""] == sum(each.status == key for each in subscriptions)
    joined = list(get_user_model().objects.values_list("date_joined", flat=True))
    assert figures["users", ""] == sum(each < period.until for each in joined)
    assert figures["new-users", ""] == sum(period.since <= each < period.until for each in joined)
    check_cohorts(books, period, tables["cohorts"])


def check_cohorts(books, period, rows):
    cohorts = defaultdict(list)
    for account in books.accounts:
        begun = [
            each.starts_at
            for each in books.by_account[account]
            if each.starts_at < (each.subscription.ended_at or each.ends_at)
        ]
        if begun:
            cohorts[day_of(min(begun), period.zone).replace(day=1)].append(account)
    wanted = sorted(month for month in cohorts if period.start.replace(day=1) <= month <= period.end)
    assert [row[:2] for row in rows] == [[f"{month:%Y-%m}", len(cohorts[month])] for month in wanted]
    for month, (_month, size, *kept) in zip(wanted, rows, strict=True):
        for number, found in enumerate(kept):
            index = month.year * 12 + month.month + number
            at = datetime(index // 12, index % 12 + 1, 1, tzinfo=period.zone)
            staying = sum(bool(books.mrr(account, at)) for account in cohorts[month])
            assert found == (share(staying, size) if at <= timezone.now() else None)


def check_failures(period):
    figures, series, _ = answers("failed-payments", period)
    invoices = [each for each in Invoice.objects.all() if period.since <= each.created_at < period.until]
    failed = [each for each in invoices if each.attempts > (1 if each.status == "paid" else 0)]
    recovered = [each for each in failed if each.status == "paid"]
    assert (figures["failed", ""], figures["recovered", ""]) == (len(failed), len(recovered))
    assert figures["recovery", ""] == share(len(recovered), len(failed))
    for currency in CURRENCIES:
        missing = [each.total - each.tax for each in failed if each.status != "paid" and each.currency == currency]
        assert figures["missing", currency] == sum(missing)
    assert sum(series["failed", ""].values()) == len(failed)


def check_liability(period):
    figures, _, _ = answers("liability", period)
    money, known = defaultdict(Fraction), Decimal(0)
    for sold in Purchase.objects.select_related("entry__grant"):
        left = sold.entry.grant.remaining + sold.entry.grant.held
        known += left
        given = sold.credits * sold.quantity + sold.bonus_credits
        money[sold.currency] += Fraction(sold.amount - sold.tax) * Fraction(left) / Fraction(given)
    for currency in CURRENCIES:
        assert figures["liability", currency] == round(money[currency])
    everything = sum(each.remaining + each.held for each in CreditGrant.objects.all())
    assert (figures["known", ""], figures["unknown", ""]) == (known, everything - known)


def share(part, whole):
    return round(Decimal(part) * 100 / whole, 4) if whole else None


@pytest.mark.parametrize("zone", ZONES)
def test_figures_equal_an_independent_computation(db, settings, zone):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": zone}
    Trade(PEOPLE, seed=ZONES.index(zone)).run()
    books = Books()
    assert len(books.backs) > 5
    for period in periods():
        check_revenue(books, period)
        check_recurring(books, period)
        check_customers(books, period)
        check_failures(period)
        check_liability(period)


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


def test_a_business_that_has_sold_nothing_has_figures_of_nothing(db):
    for key in KEYS:
        for period in periods():
            figures, _, _ = answers(key, period)
            assert set(figures.values()) <= {0, None}


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


def mrr(period=None):
    figures, _, _ = answers("mrr", period or analytics.Period.last_days(30))
    return {key: value for (key, of), value in figures.items() if of == "usd" and value}


def test_a_yearly_price_counts_by_the_month_and_an_upgrade_is_an_expansion(user, clock):
    small, large = plan("small", 1), plan("large", 3)
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    subscriber.subscribe(small, "year")
    clock.shift(timedelta(days=40))
    assert mrr()["mrr"] == 833  # 10,000 ÷ 12
    subscriber.change_price(large)
    assert mrr() == {"mrr": 2_500, "arr": 30_000, "expansion": 1_667, "arpu": 2_500}


def test_a_discount_lowers_what_a_month_is_worth(user, clock):
    subscriber = Subscriber(user, discount=25)
    subscriber.subscribe(plan("small", 1))
    assert mrr() == {"mrr": 750, "arr": 9_000, "new": 750, "arpu": 750}


@pytest.mark.parametrize("discount", [0, 25, 100])
def test_periods_booked_before_their_value_was_written_down_are_given_it_by_a_migration(user, clock, discount):
    small, large = plan("small", 1), plan("large", 3)
    subscriber = Subscriber(user, discount=discount)
    subscriber.subscribe(small, "year")
    clock.shift(timedelta(days=40))
    subscriber.change_price(large)
    known = list(PaidSegment.objects.values_list("monthly", flat=True))
    assert len(known) == 2
    first = Invoice.objects.order_by("pk").first()
    Invoice.objects.filter(pk=first.pk).update(subtotal=10_000, discount=100 * discount)
    PaidSegment.objects.update(monthly=0)
    migration = import_module("quickscale_billing.migrations.0006_monthly_value_of_earlier_periods")
    migration.write_down_what_a_month_was_worth(apps, SimpleNamespace(connection=connection))
    assert list(PaidSegment.objects.values_list("monthly", flat=True)) == known


def test_who_leaves_is_churn_and_who_comes_back_is_no_new_customer(user, clock):
    small = plan("small", 1)
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    first = Subscriber(user)
    first.subscribe(small)
    clock.shift(timedelta(days=10))
    first.end()
    assert mrr(analytics.Period.last_days(5)) == {"churned": 1_000}
    clock.shift(timedelta(days=60))
    Subscriber(user).subscribe(small)
    assert mrr(analytics.Period.last_days(5)) == {"mrr": 1_000, "arr": 12_000, "reactivated": 1_000, "arpu": 1_000}


def test_a_collection_that_is_paused_ends_the_monthly_value_a_day_after_what_was_paid(user, clock):
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("small", 1))
    clock.move_to(datetime(2026, 2, 10, 20, tzinfo=UTC))
    assert mrr()["mrr"] == 1_000  # its renewal is being collected
    clock.move_to(datetime(2026, 2, 12, 12, tzinfo=UTC))
    assert "mrr" not in mrr()


def test_a_late_payment_counts_until_it_is_given_up(user, clock):
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("small", 1))
    clock.move_to(datetime(2026, 2, 20, 12, tzinfo=UTC))
    subscriber.change(status="past_due")
    subscriber.tell()
    assert mrr()["mrr"] == 1_000
    subscriber.end()
    assert mrr(analytics.Period.last_days(20)) == {"churned": 1_000}


def test_an_end_cuts_what_was_paid_beyond_it_though_later_time_was_paid_too(user, clock):
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    paid = subscriber.subscribe(plan("small", 1)).segments.get()
    later = {"starts_at": paid.ends_at + timedelta(days=5), "ends_at": paid.ends_at + timedelta(days=35)}
    PaidSegment.objects.create(**copied(paid), **later)
    PlanSubscription.objects.update(status="canceled", ended_at=paid.starts_at + timedelta(days=10))
    clock.shift(timedelta(days=9))
    assert mrr()["mrr"] == 1_000
    clock.shift(timedelta(days=2))
    assert mrr(analytics.Period.last_days(5)) == {"churned": 1_000}
    clock.shift(timedelta(days=30))
    assert mrr(analytics.Period.last_days(5)) == {}


def copied(segment):
    own = ("id", "starts_at", "ends_at", "stripe_line_id")
    names = [each.attname for each in PaidSegment._meta.fields if each.attname not in own]
    return {name: getattr(segment, name) for name in names} | {"stripe_line_id": "il_later"}


def test_credits_of_a_refill_are_worth_what_was_paid_for_them(user, clock):
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("small", 100, signup_bonus=50), "year")
    ledger.spend(user, 75, reason="run")  # the refill expires first
    figures, _, _ = answers("liability", analytics.Period.last_days(7))
    # 1,000,000 a year is 83,333 a month for 100 credits
    assert figures == {("liability", "usd"): 20_833, ("known", ""): 25, ("unknown", ""): 50}


@pytest.mark.parametrize("key", KEYS)
def test_a_longer_period_takes_no_more_queries(db, key):
    Trade(4, seed=1).run()
    with CaptureQueriesContext(connection) as few:
        answers(key, analytics.Period.last_days(7))
    with CaptureQueriesContext(connection) as many:
        answers(key, analytics.Period.last_months(24))
    assert len(many) == len(few) <= 15
