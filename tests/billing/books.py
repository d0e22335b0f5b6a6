"""All figures about sales, worked out anew in plain Python from the rows, and held against what the panels say.

The computation here asks each row about each moment; the panels sum up in the database and follow changes.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from django.contrib.auth import get_user_model
from django.utils import timezone

from quickscale_billing.models import (
    Dispute,
    Fact,
    Invoice,
    PaidSegment,
    Payment,
    PlanSubscription,
    Purchase,
    Refund,
)
from quickscale_credits import analytics
from quickscale_credits.analytics.answers import ask
from quickscale_credits.models import CreditGrant
from tests.billing.trade import CURRENCIES

LIVE = ("trialing", "active", "past_due", "unpaid", "paused")
MOVES = ("new", "expansion", "contraction", "churned", "reactivated")


def answers(key, period):
    answer = ask(analytics.registry[key], period)
    figures = {(each.key, each.currency): each.value for each in answer.figures}
    series = {(each.key, each.currency): dict(each.points) for each in answer.series}
    return figures, series, {table.key: [list(row) for row in table.rows] for table in answer.tables}


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


def check_revenue(books, period, currencies=CURRENCIES):
    figures, series, tables = answers("revenue", period)
    for currency in currencies:
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


def check_recurring(books, period, currencies=CURRENCIES):
    figures, series, _ = answers("mrr", period)
    for currency in currencies:
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


def check_reporting(books, period):
    """In cents, of which a yen is worth 0.67, and a thousandth of a dinar 0.325."""
    net = mrr = Decimal(0)
    for currency, rate in {"usd": "1", "jpy": "0.67", "kwd": "0.325"}.items():
        net += Decimal(rate) * books.revenue(currency, period.start, period.end, period.zone)["net"]
        mrr += Decimal(rate) * books.moves(*instants(period, period.start, period.end), currency)[0]["end"]
    assert answers("revenue", period)[0]["net-all", "usd"] == round(net)
    assert answers("mrr", period)[0]["mrr-all", "usd"] == round(mrr)


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
    live = [each.price.plan.name for each in subscriptions if each.status in LIVE]
    assert series["plans", ""] == {name: live.count(name) for name in ("Small", "Large")}
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
    for place, days in spans_of(period).items():
        of_place = [each for each in failed if days[0] <= day_of(each.created_at, period.zone) <= days[1]]
        assert series["failed", ""][place] == len(of_place)
        assert series["recovered", ""][place] == sum(each.status == "paid" for each in of_place)


def check_liability(period):
    figures, _, _ = answers("liability", period)
    money, known = defaultdict(Fraction), Decimal(0)
    for sold in Purchase.objects.select_related("entry__grant"):
        left = sold.entry.grant.remaining + sold.entry.grant.held
        known += left
        given = sold.credits * sold.quantity + sold.bonus_credits
        money[sold.currency] += Fraction(sold.amount - sold.tax) * Fraction(left) / Fraction(given)
    for given in Fact.objects.filter(kind="refill").select_related("entry__grant", "refill__period"):
        left, paid = given.entry.grant.remaining + given.entry.grant.held, given.refill.period
        known += left
        in_a_year = paid.credits * {"week": 52, "month": 12}[paid.refill_every]
        money[paid.currency] += Fraction(paid.monthly * 12) * Fraction(left) / Fraction(in_a_year)
    for currency in CURRENCIES:
        assert figures["liability", currency] == round(money[currency])
    everything = sum(each.remaining + each.held for each in CreditGrant.objects.all())
    assert (figures["known", ""], figures["unknown", ""]) == (known, everything - known)


def share(part, whole):
    return round(Decimal(part) * 100 / whole, 4) if whole else None
