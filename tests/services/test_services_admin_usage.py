import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from quickscale_credits import ledger
from quickscale_credits.models import LedgerEntry
from quickscale_services.exceptions import ServiceFailed
from quickscale_services.models import ServiceRun
from quickscale_services.reporting import usage
from quickscale_services.testing import run_service
from tests.services.samples import doing

USAGE = "/admin/quickscale_services/service/usage/"
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def of(service, since=ALWAYS[0], until=ALWAYS[1]):
    [found] = [row for row in usage(since, until) if row.service == service]
    return found


def took(seconds, user):
    run = run_service("free-words", user, text="one").run
    ServiceRun.objects.filter(pk=run.pk).update(duration=timedelta(seconds=seconds))


def failed(user):
    def fail(context):
        raise ValueError

    with pytest.raises(ServiceFailed):
        run_service(type(doing(fail, name="free-words", cost=0)), user)


@pytest.fixture
def other_user(db):
    return get_user_model().objects.create_user("grace")


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("count", "median", "slow"), [(1, 1, 1), (2, 1, 2), (3, 2, 3), (19, 10, 19), (20, 10, 19), (21, 11, 20)]
)
def test_percentiles_are_durations_that_so_many_runs_did_not_exceed(user, count, median, slow):
    for seconds in range(count, 0, -1):
        took(seconds, user)
    assert (of("free-words").p50, of("free-words").p95) == (timedelta(seconds=median), timedelta(seconds=slow))


def test_runs_that_took_alike_long_are_counted_one_by_one(user):
    for seconds in (2, 2, 2, 9):
        took(seconds, user)
    assert (of("free-words").p50, of("free-words").p95) == (timedelta(seconds=2), timedelta(seconds=9))


def test_failures_are_counted_and_do_not_count_for_the_durations(user):
    failed(user)
    assert (of("free-words").runs, of("free-words").failures, of("free-words").p50) == (1, 1, None)
    took(3, user)
    assert (of("free-words").runs, of("free-words").failures, of("free-words").p50) == (2, 1, timedelta(seconds=3))


def test_an_account_counts_once(user, other_user):
    for owner in (user, user, other_user):
        run_service("free-words", owner, text="one")
    assert (of("free-words").runs, of("free-words").accounts) == (3, 2)


def test_credits_are_those_of_the_ledger(user):
    first = run_service("count-words", user, text="one").run
    run_service("count-words", user, text="two")
    ledger.reverse(first.entry, "0.5", reason="sorry")
    ledger.spend(user, "0.5", reason="elsewhere")
    found = of("count-words")
    spends = LedgerEntry.objects.filter(kind="spend", reason="count-words")
    assert (found.credits, found.credited_back) == (4, Decimal("0.5"))
    assert found.credits == -sum(spend.amount for spend in spends)


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(user, clock):
    run_service("free-words", user, text="one")
    now = datetime(2026, 1, 15, 12, tzinfo=UTC)
    assert of("free-words", now, now + timedelta(microseconds=1)).runs == 1
    assert usage(now - timedelta(days=1), now) == []
    assert usage(now + timedelta(microseconds=1), ALWAYS[1]) == []


def test_the_number_of_queries_does_not_depend_on_that_of_services(user, django_assert_num_queries):
    for name in ("count-words", "free-words", "priced-by-length"):
        run_service(name, user, text="one")
    with django_assert_num_queries(3):
        assert len(usage(*ALWAYS)) == 3


def shown(client, **query):
    response = client.get(USAGE, query)
    assert response.status_code == 200
    return response.context["rows"], response.content.decode()


def test_the_page_shows_the_last_30_days_if_no_others_are_chosen(admin_client, user, clock):
    run_service("count-words", user, text="one")
    clock.shift(timedelta(days=29))
    [row], page = shown(admin_client)
    assert (row.service, row.runs) == ("count-words", 1)
    assert "Count words" in page
    assert shown(admin_client, days=7)[0] == []
    clock.shift(timedelta(days=1))
    assert shown(admin_client)[0] == []
    assert len(shown(admin_client, days=90)[0]) == 1


def test_a_period_of_ones_own_has_its_last_day(admin_client, user, clock):
    run_service("count-words", user, text="one")
    clock.shift(timedelta(days=3))
    assert len(shown(admin_client, since="2026-01-01", until="2026-01-15")[0]) == 1
    assert shown(admin_client, since="2026-01-01", until="2026-01-14")[0] == []
    assert len(shown(admin_client, since="2026-01-15")[0]) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-01-10", "until": "2026-01-09"},
        {"since": "2026-01-01", "until": "2026-01-16"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"since": "soon"},
        {"days": "8"},
    ],
)
def test_a_period_that_is_none_is_told_so(admin_client, clock, query):
    rows, page = shown(admin_client, **query)
    assert rows == []
    assert "errorlist" in page
    assert admin_client.get(USAGE, query | {"format": "csv"})["Content-Type"].startswith("text/html")


def test_the_same_comes_as_csv(admin_client, user, clock):
    run_service("count-words", user, text="one")
    took(1.5, user)
    response = admin_client.get(USAGE, {"days": 7, "format": "csv"})
    assert 'filename="usage-2026-01-09-2026-01-15.csv"' in response["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert [(row["service"], row["runs"], row["credits"]) for row in rows] == [
        ("count-words", "1", "2"),
        ("free-words", "1", "0"),
    ]
    assert (rows[1]["p50"], rows[0]["credited_back"]) == ("1.5", "0")


def test_each_part_needs_its_permission(client, user):
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(USAGE).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_analytics"))
    assert "Download CSV" not in shown(client)[1]
    assert client.get(USAGE, {"format": "csv"}).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="export_credits"))
    assert "Download CSV" in shown(client)[1]
    assert client.get(USAGE, {"format": "csv"}).status_code == 200
    assert client.post(USAGE).status_code == 405


def test_the_list_of_services_leads_to_it(admin_client):
    assert f'href="{USAGE}"' in admin_client.get("/admin/quickscale_services/service/").content.decode()
