"""Every figure about credits equals what plain Python finds in the rows, to the micro-credit."""

import os
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from quickscale_credits import analytics
from quickscale_credits.analytics.answers import ask
from quickscale_credits.models import (
    Allocation,
    CreditAccount,
    CreditGrant,
    CreditType,
    Hold,
    LedgerEntry,
    RollupWatermark,
    UsageRollup,
)
from quickscale_credits.testing import fund
from tests.credits.business import Business
from tests.credits.commands import run
from tests.credits.crowds import owners
from tests.figures import assert_compared

ZONES = ["UTC", "America/Los_Angeles", "Asia/Kolkata"]
# So many accounts and steps, with less than this between two steps: a year of each.
FULL, USUAL = (2_000, 20_000, timedelta(minutes=52)), (8, 250, timedelta(hours=30))
SIZE = FULL if os.environ.get("QUICKSCALE_FULL_SCALE") else USUAL


class Ledger:
    """The rows as they are exported, and what one may add up of them without knowing how the library does."""

    def __init__(self, period):
        self.period = period
        shares = defaultdict(list)
        types = dict(CreditGrant.objects.values_list("pk", "credit_type"))
        for entry, grant, amount in Allocation.objects.values_list("entry_id", "grant_id", "amount"):
            shares[entry].append((types[grant], amount))
        self.lines = []
        for pk, account, kind, amount, grant, moment in LedgerEntry.objects.values_list(
            "pk", "account_id", "kind", "amount", "grant_id", "created_at"
        ):
            parts = shares.get(pk) or [(types[grant], abs(amount))]
            self.lines.append((account, kind, amount, parts, moment.astimezone(period.zone).date()))

    def days(self, place):
        last = self.period.last_day(place)
        return max(place, self.period.start), last

    def total(self, kind, credit_type=None, first=None, last=None):
        found = Decimal(0)
        for _account, of, amount, parts, day in self.lines:
            if of == kind and (first or self.period.start) <= day <= (last or self.period.end):
                taken = sum(part for name, part in parts if credit_type in (None, name))
                found += taken if amount > 0 else -taken
        return found

    def balance(self, day):
        return sum((amount for _account, _kind, amount, _parts, when in self.lines if when <= day), Decimal(0))

    def spenders(self, first, last):
        return {account for account, kind, _, _, day in self.lines if kind == "spend" and first <= day <= last}

    def spent(self):
        """By each account that did."""
        found = defaultdict(Decimal)
        for account, kind, amount, _, day in self.lines:
            if kind == "spend" and self.period.start <= day <= self.period.end:
                found[account] -= amount
        return found


def periods():
    today = analytics.Period.last_days(1).end
    return [
        analytics.Period.last_days(7),
        analytics.Period.last_days(90),
        analytics.Period.last_months(12),
        analytics.Period(start=today - timedelta(days=150), end=today - timedelta(days=20)),
    ]


def answers(key, period):
    answer = ask(analytics.registry[key], period)
    return {each.key: each for each in answer.figures}, {each.key: each.points for each in answer.series}, answer


def check_movement(period, rows):
    figures, series, _ = answers("credits", period)
    values = {key: figure.value for key, figure in figures.items()}
    assert values["granted"] == rows.total("grant")
    for credit_type in CreditType.values:
        assert values[f"granted-{credit_type}"] == rows.total("grant", credit_type)
        for place, amount in series[f"granted-{credit_type}"].items():
            assert amount == rows.total("grant", credit_type, *rows.days(place))
    assert values["spent"] == -rows.total("spend")
    assert values["given-back"] == rows.total("reversal")
    assert values["expired"] == -rows.total("expiry")
    assert values["revoked"] == -rows.total("revocation")
    assert values["adjusted"] == rows.total("adjustment")
    gone = values["expired"] + values["spent"]
    assert values["breakage"] == (round(values["expired"] * 100 / gone, 4) if gone else None)
    for key, kind in [("spent", "spend"), ("expired", "expiry"), ("revoked", "revocation")]:
        for place, amount in series[key].items():
            assert amount == -rows.total(kind, None, *rows.days(place))
    before = Ledger(period.previous)
    assert figures["spent"].previous == -before.total("spend")


def check_outstanding(period, rows):
    figures, series, _ = answers("outstanding", period)
    assert figures["outstanding"].value == rows.balance(period.end)
    for place, amount in series["outstanding"].items():
        assert amount == rows.balance(period.last_day(place))
    if spent := -rows.total("spend"):
        expected = rows.balance(period.end) * period.days / spent
        assert figures["runway"].value == expected.quantize(Decimal("0.1"))
    now = timezone.now()
    holds = [
        hold.amount for hold in Hold.objects.filter(status="open") if hold.expires_at is None or hold.expires_at > now
    ]
    assert figures["held"].value == sum(holds)
    assert figures["debt"].value == sum(account.debt for account in CreditAccount.objects.all())
    left = defaultdict(Decimal)
    for grant in CreditGrant.objects.all():
        is_gone = grant.expires_at is not None and grant.expires_at <= now
        left[grant.credit_type, age_of(now - grant.created_at)] += grant.held + (0 if is_gone else grant.remaining)
    for credit_type in CreditType.values:
        assert list(series[f"age-{credit_type}"].values()) == [left[credit_type, age] for age in range(5)]


def age_of(elapsed):
    return next((place for place, days in enumerate((30, 90, 180, 365)) if elapsed < timedelta(days=days)), 4)


def check_accounts(period, rows):
    figures, series, answer = answers("accounts", period)
    active = rows.spenders(period.start, period.end)
    assert figures["active"].value == len(active)
    for place, number in series["active"].items():
        assert number == len(rows.spenders(*rows.days(place)))
    made = [moment.astimezone(period.zone).date() for moment in CreditAccount.objects.values_list("created", flat=True)]
    assert figures["new"].value == sum(period.start <= day <= period.end for day in made)
    accounts = {account.pk: account for account in CreditAccount.objects.select_related("owner")}
    spent = rows.spent()
    tables = {table.key: table.rows for table in answer.tables}
    most = sorted(active, key=lambda pk: (-spent[pk], pk))[:10]
    assert tables["top"] == [[str(accounts[pk]), accounts[pk].balance - accounts[pk].held, spent[pk]] for pk in most]
    left = {pk: (accounts[pk].balance - accounts[pk].held) / spent[pk] for pk in active}
    first = sorted(active, key=lambda pk: (left[pk], pk))[:10]
    assert [row[0] for row in tables["runway"]] == [str(accounts[pk]) for pk in first]
    assert [row[3] for row in tables["runway"]] == [
        (max(left[pk], Decimal(0)) * period.days).quantize(Decimal("0.1")) for pk in first
    ]


def check_everything():
    for period in periods():
        rows = Ledger(period)
        check_movement(period, rows)
        check_outstanding(period, rows)
        check_accounts(period, rows)
        assert_compared(period, "quickscale_credits")


@pytest.mark.parametrize("zone", ZONES)
def test_figures_equal_an_independent_computation(db, clock, settings, zone):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": zone}
    people, steps, pause = SIZE
    Business(clock, owners(people), seed=ZONES.index(zone)).run(steps, pause=pause)
    assert RollupWatermark.objects.get(name="usage").time_zone == zone
    check_everything()
    run("rollup_usage")
    run("verify_ledger")
    check_everything()


def test_figures_are_right_while_rollups_have_another_time_zone(db, clock, settings):
    Business(clock, owners(5), seed=7).run(80)
    run("rollup_usage")
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "Pacific/Auckland"}
    check_everything()
    run("rollup_usage", "--rebuild")
    check_everything()


@pytest.mark.parametrize(
    ("key", "table"), [("credits", "usagerollup"), ("outstanding", "usagerollup"), ("accounts", "accountrollup")]
)
def test_what_is_compared_is_read_in_one_statement(db, clock, django_assert_max_num_queries, key, table):
    Business(clock, owners(3), seed=5).run(40)
    run("rollup_usage")
    with django_assert_max_num_queries(20) as found:
        ask(analytics.registry[key], analytics.Period.last_months(12))
    assert sum(table in query["sql"] for query in found.captured_queries) == 1


def test_a_spend_of_several_grants_counts_with_every_part(db, clock):
    Business(clock, owners(3), seed=5).run(120)
    several = [entry for entry in LedgerEntry.objects.filter(kind="spend") if entry.allocations.count() > 1]
    assert several
    run("rollup_usage")
    by_type = defaultdict(Decimal)
    for entry in LedgerEntry.objects.filter(kind="spend"):
        for part in entry.allocations.all() or [entry]:
            by_type[part.grant.credit_type] += abs(part.amount)
    found = defaultdict(Decimal)
    for row in UsageRollup.objects.filter(kind="spend"):
        found[row.credit_type] -= row.amount
    assert found == by_type


def test_the_days_of_a_zone_are_its_own(user, clock, settings):
    """At half past eleven in the evening in New York it is the next day in London."""
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": "America/New_York"}
    clock.move_to(datetime(2026, 3, 9, 23, 30, tzinfo=ZoneInfo("America/New_York")))
    fund(user, 7)
    _, series, _ = answers("credits", analytics.Period.last_days(7))
    assert {day for day, amount in series["granted-pay_as_you_go"].items() if amount} == {date(2026, 3, 9)}
