"""Every figure about services equals what plain Python finds in the rows of runs."""

import os
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError
from django.utils import timezone

from quickscale_credits import analytics, ledger
from quickscale_credits.analytics.answers import ask
from quickscale_credits.exceptions import InvalidAmount
from quickscale_credits.models import CreditAccount
from quickscale_credits.testing import fund
from quickscale_services.analytics.durations import DECADES
from quickscale_services.conf import conf
from quickscale_services.exceptions import ServiceFailed
from quickscale_services.models import ServiceRollup, ServiceRun
from tests.credits.commands import run
from tests.credits.crowds import owners
from tests.figures import assert_compared

Status = ServiceRun.Status
# So many accounts and runs, and less than so many minutes between two of them.
SIZE = (2_000, 20_000, 52) if os.environ.get("QUICKSCALE_FULL_SCALE") else (6, 300, 10 * 60)
BOUNDS = [Decimal(bound) / 10**6 for decade in DECADES for bound in decade]
SERVICES = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"]


def runs_of_months(clock, *, seed):
    """As the runner would have written them, paid by grants of several types; some are still under way."""
    people, steps, pause = SIZE
    chance, everybody = Random(seed), owners(people)
    for owner in everybody:
        for credit_type in ("subscription", "promotional", "pay_as_you_go"):
            fund(owner, chance.randrange(1, 60), credit_type=credit_type)
        fund(owner, 10_000)
    for _ in range(steps):
        clock.shift(timedelta(minutes=chance.randrange(1, pause)))
        a_run(chance, chance.choice(everybody))
        if chance.random() < 0.02:
            ServiceRun.objects.under_way().update(status=Status.FAILED, error_code="service_lost")
            run("rollup_usage")


def a_run(chance, owner):
    now = timezone.now()
    status = chance.choices(
        [Status.SUCCEEDED, Status.FAILED, Status.EXPIRED, Status.CANCELED, Status.RUNNING], [20, 4, 1, 1, 0.3]
    )[0]
    if status == Status.RUNNING and ServiceRun.objects.under_way().exists():
        status = Status.FAILED
    cost = Decimal(chance.randrange(0, 5 * 10**6)) / 10**6 if status == Status.SUCCEEDED else Decimal(0)
    entry = ledger.spend(owner, cost, reason="run") if cost else None
    started = status not in (Status.CANCELED, Status.EXPIRED)
    return ServiceRun.objects.create(
        service=chance.choice(SERVICES),
        account=CreditAccount.objects.for_owner(owner).get(),
        status=status,
        cost=cost,
        entry=entry,
        error_code=chance.choice(["service_failed", "service_timeout"])
        if status in (Status.FAILED, Status.EXPIRED)
        else "",
        created_at=now,
        started_at=now if started else None,
        duration=timedelta(microseconds=int(10 ** (chance.random() * 8)))
        if started and status != Status.RUNNING
        else None,
        provider_cost=Decimal(chance.randrange(10**5)) / 10**6 if chance.random() < 0.5 else None,
        deadline=now + timedelta(days=400),
    )


class Rows:
    def __init__(self, period):
        self.period = period
        columns = ("service", "account_id", "status", "error_code", "cost", "provider_cost", "duration", "created_at")
        self.all = [row for row in ServiceRun.objects.values(*columns) if self.day(row) is not None]
        self.places = defaultdict(list)
        for row in self.all:
            self.places[period.place(self.day(row))].append(row)

    def day(self, row):
        day = row["created_at"].astimezone(self.period.zone).date()
        return day if self.period.start <= day <= self.period.end else None

    def at(self, place):
        return self.places[place]


def success(rows):
    statuses = Counter(row["status"] for row in rows)
    decided = statuses["succeeded"] + statuses["failed"] + statuses["expired"]
    return round(Decimal(statuses["succeeded"] * 100) / decided, 4) if decided else None


def percentile(percent, rows):
    """Nearest rank of the real durations, and then the upper end of its class."""
    times = sorted(row["duration"].total_seconds() for row in rows if row["status"] == "succeeded" and row["duration"])
    if not times:
        return None
    exact = Decimal(str(times[-(-len(times) * percent // 100) - 1]))
    return next(bound for bound in BOUNDS if exact <= bound)


def cost(rows):
    return sum((row["cost"] for row in rows), Decimal(0))


def answers(key, period):
    answer = ask(analytics.registry[key], period)
    figures = {each.key: each for each in answer.figures}
    series = {each.key: each.points for each in answer.series}
    return figures, series, {each.key: each.rows for each in answer.tables}


def check_runs(period, rows):
    figures, series, tables = answers("services", period)
    assert figures["runs"].value == len(rows.all)
    assert figures["runs"].previous == len(Rows(period.previous).all)
    assert figures["success"].value == success(rows.all)
    assert figures["credits"].value == cost(rows.all)
    assert figures["accounts"].value == len({row["account_id"] for row in rows.all})
    for percent in (50, 95):
        assert figures[f"p{percent}"].value == percentile(percent, rows.all)
        for place, value in series[f"p{percent}"].items():
            assert value == percentile(percent, rows.at(place))
    by_service = defaultdict(list)
    for row in rows.all:
        by_service[row["service"]].append(row)
    assert tables["services"] == [
        [
            service,
            len(found),
            success(found),
            cost(found),
            len({row["account_id"] for row in found}),
            percentile(50, found),
            percentile(95, found),
        ]
        for service, found in sorted(by_service.items())
    ]
    check_durations_by_service(series, period, rows, by_service)
    drawn = {key: points for key, points in series.items() if key.startswith("credits-")}
    assert len(drawn) <= 6
    for place in period.places:
        assert sum(points[place] for points in drawn.values()) == cost(rows.at(place))
        for service in by_service:
            if points := series.get(f"runs-{service}"):
                assert points[place] == sum(row["service"] == service for row in rows.at(place))


def check_durations_by_service(series, period, rows, by_service):
    """The five that succeeded most often have a line each, the others one together."""
    succeeded = Counter(row["service"] for row in rows.all if row["status"] == "succeeded")
    ranked = sorted(succeeded, key=lambda service: (-succeeded[service], service))
    lines = {service: {service} for service in ranked[:5]} | ({"others": set(ranked[5:])} if ranked[5:] else {})
    for percent in (50, 95):
        assert {key for key in series if key.startswith(f"p{percent}-")} == {f"p{percent}-{name}" for name in lines}
        for name, services in lines.items():
            for place, value in series[f"p{percent}-{name}"].items():
                assert value == percentile(percent, [row for row in rows.at(place) if row["service"] in services])


def check_failures(period, rows):
    figures, series, tables = answers("failures", period)
    failed = Counter((row["service"], row["error_code"]) for row in rows.all if row["error_code"])
    assert figures["failed"].value == sum(row["status"] in ("failed", "expired") for row in rows.all)
    assert sum(row[2] for row in tables["errors"]) == sum(failed.values())
    assert len(tables["errors"]) == len(failed)
    for place in period.places:
        for code in {code for _service, code in failed}:
            assert series[f"error-{code}"][place] == sum(row["error_code"] == code for row in rows.at(place))


def check_customers(period, rows):
    _, _, tables = answers("service-accounts", period)
    found = defaultdict(list)
    for row in rows.all:
        found[row["account_id"]].append(row)
    names = {account.pk: str(account) for account in CreditAccount.objects.select_related("owner")}
    first = sorted(found, key=lambda pk: (-cost(found[pk]), -len(found[pk]), pk))[:10]
    assert tables["accounts"] == [[names[pk], len(found[pk]), cost(found[pk])] for pk in first]


def check_margin(period, rows):
    figures, _, tables = answers("margin", period)
    known = [row for row in rows.all if row["provider_cost"] is not None]
    worth = cost(known) * Decimal("0.02")
    provided = sum((row["provider_cost"] for row in known), Decimal(0))
    assert figures["worth"].value == round(worth * 100)
    assert figures["provider"].value == round(provided * 100)
    assert figures["margin"].value == round((worth - provided) * 100)
    assert figures["share"].value == (round((worth - provided) * 100 / worth, 4) if worth else None)
    assert sum(row[1] for row in tables["services"]) == len(known)


def check_everything():
    today = analytics.Period.last_days(1).end
    for period in [
        analytics.Period.last_days(30),
        analytics.Period.last_months(12),
        analytics.Period(start=today - timedelta(days=100), end=today - timedelta(days=3)),
    ]:
        rows = Rows(period)
        for check in (check_runs, check_failures, check_customers, check_margin):
            check(period, rows)
        assert_compared(period, "quickscale_services")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Australia/Lord_Howe"])
def test_figures_equal_an_independent_computation(db, clock, settings, zone):
    settings.QUICKSCALE_CREDITS = {"REPORTING_TIME_ZONE": zone}
    settings.QUICKSCALE_SERVICES = {"CREDIT_VALUE": {"amount": "0.02", "currency": "usd"}}
    runs_of_months(clock, seed=len(zone))
    assert ServiceRollup.objects.exists()
    check_everything()
    ServiceRun.objects.under_way().update(status=Status.FAILED, error_code="service_lost")
    clock.shift(timedelta(days=2))
    run("rollup_usage")
    assert sum(ServiceRollup.objects.values_list("runs", flat=True)) == ServiceRun.objects.count()
    check_everything()
    assert run("verify_ledger") == "The ledger is sound.\n"


def test_a_run_that_turns_up_late_is_counted_by_the_next_run_of_the_command(user, clock):
    fund(user, 100)
    late = timezone.now()
    for _ in range(4):
        a_run(Random(3), user)
        clock.shift(timedelta(days=1))
    run("rollup_usage")
    ServiceRun.objects.create(
        service="alpha", account=user.credit_account, status=Status.FAILED, created_at=late + timedelta(days=1)
    )
    run("rollup_usage")
    assert sum(ServiceRollup.objects.values_list("runs", flat=True)) == 5
    assert run("verify_ledger") == "The ledger is sound.\n"


def test_a_day_waits_for_its_runs_to_end(user, clock):
    fund(user, 10)
    waiting = ServiceRun.objects.create(service="alpha", account=user.credit_account, created_at=timezone.now())
    clock.shift(timedelta(days=3))
    run("rollup_usage")
    assert not ServiceRollup.objects.exists()
    waiting.status = Status.FAILED
    waiting.save()
    run("rollup_usage")
    assert ServiceRollup.objects.get().status == Status.FAILED


def test_verifying_finds_a_rollup_of_runs_that_says_something_else(user, clock, capsys):
    fund(user, 10)
    a_run(Random(3), user)
    clock.shift(timedelta(days=3))
    run("rollup_usage")
    ServiceRollup.objects.update(runs=7)
    with pytest.raises(CommandError, match="1 problems"):
        run("verify_ledger")
    run("rollup_usage", "--rebuild")
    run("verify_ledger")


def test_a_service_says_what_its_provider_took(user, offer):
    fund(user, 10)

    def work(context):
        context.record_provider_cost("0.5")
        context.record_provider_cost("0.0031")
        return {}

    offered = offer(work, cost=1)
    assert offered.run(user).run.provider_cost == Decimal("0.0031")
    assert ServiceRun.objects.get().provider_cost == Decimal("0.0031")


def test_what_the_provider_took_is_kept_when_the_run_fails(user, offer):
    fund(user, 10)

    def work(context):
        context.record_provider_cost(2)
        raise OSError

    with pytest.raises(ServiceFailed):
        offer(work, cost=1).run(user)
    assert ServiceRun.objects.get().provider_cost == 2


@pytest.mark.parametrize(("amount", "error"), [(-1, InvalidAmount), ("0.0000001", InvalidAmount), (0.5, TypeError)])
def test_a_provider_cost_is_an_exact_amount(user, offer, amount, error):
    fund(user, 10)
    causes = []

    def work(context):
        try:
            context.record_provider_cost(amount)
        except error as cause:
            causes.append(cause)
        return {}

    offer(work, cost=1).run(user)
    assert len(causes) == 1
    assert ServiceRun.objects.get().provider_cost is None


@pytest.mark.parametrize(
    "value",
    [
        5,
        {"amount": 1},
        {"amount": 0, "currency": "usd"},
        {"amount": "1", "currency": "USD"},
        {"amount": 0.5, "currency": "usd"},
    ],
)
def test_a_credit_value_that_is_none_is_refused(settings, value):
    settings.QUICKSCALE_SERVICES = {"CREDIT_VALUE": value}
    with pytest.raises(ImproperlyConfigured, match="CREDIT_VALUE"):
        assert conf.CREDIT_VALUE


def test_without_a_credit_value_there_is_no_margin(db):
    figures, _, tables = answers("margin", analytics.Period.last_days(7))
    assert list(figures) == ["known"]
    assert tables == {}
