"""Changes of value that are written down: the figures stay, what changes later is seen, and what is wrong is found."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from quickscale_billing.analytics import changing, rollups
from quickscale_billing.models import PaidSegment, Payment, PlanSubscription, ValueChange
from quickscale_credits import analytics
from quickscale_credits.models import CreditAccount
from tests.billing.books import Books, answers, check_customers, check_recurring
from tests.billing.selling import Subscriber, plan
from tests.billing.trade import Trade
from tests.stories.threads import at_once

committed = pytest.mark.django_db(transaction=True)
KEYS = ("revenue", "mrr", "customers")


@pytest.fixture
def subscriber(user, clock):
    clock.move_to(datetime(2026, 1, 10, 12, tzinfo=UTC))
    subscriber = Subscriber(user)
    subscriber.subscribe(plan("small", 1))
    for _ in range(3):
        clock.shift(timedelta(days=31))
        subscriber.renew()
    return subscriber


def said():
    return {key: answers(key, analytics.Period.last_months(12)) for key in KEYS}


def written():
    rows = ValueChange.objects.order_by("at")
    return [(f"{row.at:%d %b}", row.change, row.begins, row.is_open) for row in rows]


def roll_up(**options):
    call_command("rollup_usage", stdout=StringIO(), **options)


def mrr(days=5):
    figures, _, _ = answers("mrr", analytics.Period.last_days(days))
    return figures["mrr", "usd"]


def test_of_a_run_of_equal_periods_only_its_ends_are_written_down(subscriber):
    before = said()
    roll_up()
    assert written() == [("10 Jan", 1_000, True, False), ("10 May", -1_000, False, True)]
    assert said() == before
    assert list(changing.problems()) == []


def test_what_is_written_down_is_read_instead_of_the_segments(subscriber):
    roll_up()
    ValueChange.objects.all().delete()
    assert mrr() == 0


def test_an_upgrade_is_seen_at_once_and_written_down_by_the_next_run(subscriber, clock):
    roll_up()
    large = plan("large", 3)
    clock.shift(timedelta(days=5))
    subscriber.change_price(large)
    assert not PaidSegment.objects.filter(is_counted=True).exists()
    before = said()
    assert mrr() == 3_000
    roll_up()
    assert [change for _, change, *_ in written()] == [1_000, 2_000, -3_000]
    assert said() == before
    assert list(changing.problems()) == []


def test_an_end_that_was_not_known_when_it_was_written_down_is_seen_at_once(subscriber, clock):
    roll_up()
    clock.shift(timedelta(days=5))
    subscriber.end()
    assert mrr() == 0
    roll_up()
    assert mrr() == 0
    assert list(changing.problems()) == []


def test_a_subscription_lasts_while_its_renewal_is_collected_though_its_end_is_written_down(subscriber, clock):
    roll_up()
    clock.move_to(datetime(2026, 5, 10, 20, tzinfo=UTC))
    assert mrr() == 1_000
    clock.move_to(datetime(2026, 5, 12, 12, tzinfo=UTC))
    assert mrr() == 0
    PlanSubscription.objects.update(status="past_due")
    assert mrr() == 1_000


@pytest.mark.parametrize(
    "damage",
    [
        lambda: ValueChange.objects.update(change=F("change") + 1),
        lambda: ValueChange.objects.all().delete(),
        lambda: ValueChange.objects.update(is_open=True),
        lambda: PaidSegment.objects.update(monthly=F("monthly") + 1),
        lambda: PlanSubscription.objects.update(ended_at=timezone.now()),
    ],
)
def test_what_is_written_down_wrongly_fails_the_verification_until_it_is_rebuilt(subscriber, damage):
    roll_up()
    damage()
    with pytest.raises(CommandError):
        call_command("verify_ledger", stdout=StringIO(), stderr=StringIO())
    roll_up(rebuild=True)
    call_command("verify_ledger", stdout=StringIO())


def test_a_business_has_the_same_figures_with_all_written_down_some_and_nothing(db, monkeypatch):
    monkeypatch.setattr(changing, "PAGE", 3)
    Trade(8, seed=4).run()
    before = said()
    roll_up()
    assert ValueChange.objects.count() > 10
    everything = said()
    for each in PaidSegment.objects.all()[::5]:
        each.close(each.lasts_until, credited_back=False)
    assert PaidSegment.objects.filter(is_counted=True).exists()
    some = said()
    PaidSegment.objects.update(is_counted=False)
    Payment.objects.update(is_counted=False)
    assert before == everything == some == said()


@committed
def test_writing_down_does_not_wait_for_who_has_an_account_locked_and_may_wait_for_its_segments(subscriber):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")

    def roll_up_beside():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '3s'")
                return sum(rollups.roll_up())
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as beside:
        CreditAccount.objects.select_for_update().get()
        assert beside.submit(roll_up_beside).result() == 5
    assert [change for _, change, *_ in written()] == [1_000, -1_000]


@committed
def test_two_runs_at_once_write_each_change_down_once(db, monkeypatch):
    monkeypatch.setattr(changing, "PAGE", 2)
    Trade(4, seed=4).run()
    counts = at_once(3, lambda: sum(rollups.roll_up()))
    assert all(isinstance(each, int) for each in counts), counts
    assert list(rollups.problems()) == []
    period = analytics.Period.last_months(12)
    currencies = sorted(set(PaidSegment.objects.values_list("currency", flat=True)))
    check_recurring(Books(), period, currencies)
    check_customers(Books(), period)
