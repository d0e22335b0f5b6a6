"""The dashboard: who sees it, what it shows, and what it costs."""

import csv
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from quickscale_credits import analytics, ledger
from quickscale_credits.testing import fund
from tests.credits.commands import run
from tests.credits.test_rollups import months_of_business
from tests.parts import ROOT

ADDRESSES = [
    "/admin/analytics/",
    "/admin/analytics/credits/",
    "/admin/analytics/credits.csv",
    "/admin/analytics/credits.json",
]
PERIODS = [
    "",
    "?period=7d",
    "?period=30d",
    "?period=90d",
    "?period=12m",
    "?period=custom&since=2025-12-01&until=2026-01-10",
]


@pytest.fixture
def analyst(db, client):
    person = User.objects.create_user("ann", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_analytics"))
    client.force_login(person)
    return person


@pytest.fixture
def registry():
    known = analytics.registry.snapshot()
    yield analytics.registry
    analytics.registry.restore(known)


def rows_of(response):
    return list(csv.DictReader(b"".join(response.streaming_content).decode().splitlines()))


@pytest.mark.once
@pytest.mark.parametrize("address", ADDRESSES)
def test_staff_without_the_permission_are_refused(client, db, address):
    client.force_login(User.objects.create_user("bob", is_staff=True))
    assert client.get(address).status_code == 403


@pytest.mark.once
@pytest.mark.parametrize("address", ADDRESSES)
def test_who_is_not_staff_is_sent_to_the_login_even_with_the_permission(client, analyst, address):
    User.objects.update(is_staff=False)
    response = client.get(address)
    assert (response.status_code, response.url.partition("?")[0]) == (302, "/admin/login/")
    client.logout()
    assert client.get(address).status_code == 302


@pytest.mark.once
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_analyst_may_read_and_nothing_else(client, analyst, address):
    assert client.get(address).status_code == 200
    assert client.post(address).status_code == 405


def test_every_period_shows_every_panel(client, analyst, clock):
    months_of_business(clock)
    for query in PERIODS:
        page = client.get(f"/admin/analytics/{query}").content.decode()
        for key in analytics.registry:
            assert f'hx-get="/admin/analytics/{key}/' in page
            assert client.get(f"/admin/analytics/{key}/{query}").status_code == 200, query


@pytest.mark.once
def test_every_panel_answers_programs(client, analyst, clock):
    months_of_business(clock)
    for key in analytics.registry:
        assert client.get(f"/admin/analytics/{key}.json{PERIODS[-1]}").json()["key"] == key


@pytest.mark.once
@pytest.mark.parametrize(
    "query",
    [
        "?period=custom",
        "?period=custom&since=2026-01-02&until=2026-01-01",
        "?period=custom&since=2026-01-02&until=2126-01-01",
        "?period=custom&since=1969-01-01&until=2026-01-01",
        "?period=custom&since=2001-01-01&until=2026-01-01",
        "?period=custom&since=yesterday&until=2026-01-01",
        "?period=eternity",
    ],
)
def test_a_period_that_cannot_be_is_explained(client, analyst, query):
    page = client.get(f"/admin/analytics/{query}")
    assert page.status_code == 200
    assert "errornote" in page.content.decode()
    assert client.get(f"/admin/analytics/credits/{query}").status_code == 200
    assert client.get(f"/admin/analytics/credits.csv{query}").status_code == 400
    assert client.get(f"/admin/analytics/credits.json{query}").status_code == 400


@pytest.mark.once
@pytest.mark.parametrize("address", ["nothing/", "nothing.csv", "nothing.json", "credits.csv?part=chart-99"])
def test_what_is_not_there_is_not_found(client, analyst, address):
    assert client.get(f"/admin/analytics/{address}").status_code == 404


def test_page_csv_and_json_say_the_same(client, analyst, user):
    fund(user, "10.5", credit_type="promotional")
    ledger.spend(user, "4.000001", reason="page")
    page = client.get("/admin/analytics/credits/?period=7d").content.decode()
    lines = rows_of(client.get("/admin/analytics/credits.csv?period=7d"))
    answer = client.get("/admin/analytics/credits.json?period=7d").json()
    assert "4.000001" in page
    [spent] = [line for line in lines if (line["what"], line["key"]) == ("figure", "spent")]
    assert spent["value"] == "4.000001"
    assert {figure["key"]: figure["value"] for figure in answer["figures"]}["spent"] == "4.000001"
    [drawn] = [series for series in answer["series"] if series["key"] == "spent"]
    assert [point["value"] for point in drawn["points"]] == ["0"] * 6 + ["4.000001"]


@pytest.mark.once
def test_a_chart_can_be_downloaded_as_it_is_shown(client, analyst, user):
    fund(user, 10, credit_type="promotional")
    lines = rows_of(client.get("/admin/analytics/credits.csv?period=7d&part=chart-1"))
    assert len(lines) == 7
    assert lines[-1]["Granted: promotional"] == "10"


@pytest.mark.once
def test_all_panels_come_at_once_where_there_are_no_scripts(client, analyst, user):
    fund(user, 10)
    page = client.get("/admin/analytics/?all").content.decode()
    assert all(f'id="{key}"' in page for key in analytics.registry)
    assert "hx-get" not in page
    assert page.count("<details open>") == page.count("<figure")


@pytest.mark.once
def test_the_script_gets_a_panel_without_the_page(client, analyst):
    part = client.get("/admin/analytics/credits/", headers={"HX-Request": "true"}).content.decode()
    assert "analytics-figures" in part
    assert "<html" not in part


@pytest.mark.once
def test_names_in_tables_are_text(client, analyst, db):
    mallory = User.objects.create_user("<script>alert(1)</script>")
    formula = User.objects.create_user("=1+1")
    for owner in (mallory, formula):
        fund(owner, 10)
        ledger.spend(owner, 1, reason="page")
    page = client.get("/admin/analytics/accounts/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    lines = b"".join(client.get("/admin/analytics/accounts.csv?part=table-top").streaming_content).decode()
    assert "'=1+1" in lines


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.found = [], []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]


@pytest.mark.once
def test_the_page_has_no_inline_script_or_style_and_no_id_twice(client, analyst, user):
    fund(user, 10)
    tags = Tags()
    tags.feed(client.get("/admin/analytics/?all").content.decode())
    assert len(tags.ids) == len(set(tags.ids))
    for tag, attributes in tags.found:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "script":
            assert "src" in attributes or attributes["type"] == "application/json"


@pytest.mark.once
def test_each_panel_makes_as_many_queries_for_a_week_as_for_a_year(
    client, analyst, clock, django_assert_max_num_queries
):
    months_of_business(clock)
    assert_constant_queries(client, django_assert_max_num_queries)
    run("rollup_usage")
    assert_constant_queries(client, django_assert_max_num_queries)


def assert_constant_queries(client, django_assert_max_num_queries):
    for key in analytics.registry:
        with django_assert_max_num_queries(20) as week:
            client.get(f"/admin/analytics/{key}/?period=7d")
        with django_assert_max_num_queries(20) as year:
            client.get(f"/admin/analytics/{key}/?period=12m")
        assert len(week) == len(year)


@pytest.mark.once
def test_money_is_shown_in_major_units_and_given_to_programs_in_minor_ones(client, analyst, registry):
    @analytics.register
    class Revenue(analytics.Panel):
        key = "revenue"
        title = "Revenue"
        money = {"key": "gross", "label": "Gross", "unit": analytics.Unit.MONEY}

        def figures(self, period):
            return [
                analytics.Figure(**self.money, currency="usd", value=123456, definition="All of it."),
                analytics.Figure(**self.money, currency="jpy", value=500, definition="All of it."),
            ]

        def series(self, period):
            points = period.filled({}, 0)
            return [analytics.Series(**self.money, currency=each, points=points) for each in ("usd", "jpy")]

    page = client.get("/admin/analytics/revenue/").content.decode()
    assert "1,234.56 USD" in page
    assert "500 JPY" in page
    assert page.count("<figure") == 2
    assert [line["value"] for line in rows_of(client.get("/admin/analytics/revenue.csv"))][:2] == ["1234.56", "500"]
    figures = client.get("/admin/analytics/revenue.json").json()["figures"]
    assert [(each["value"], each["currency"]) for each in figures] == [(123456, "usd"), (500, "jpy")]


@pytest.mark.once
def test_a_change_is_told_from_the_period_before(client, analyst, user, clock):
    fund(user, 100)
    ledger.spend(user, 10, reason="page")
    clock.shift(timedelta(days=8))
    ledger.spend(user, 15, reason="page")
    page = client.get("/admin/analytics/credits/?period=7d").content.decode()
    assert "+50 %" in page
    assert "before: 10" in page


@pytest.mark.once
def test_the_admins_page_of_the_app_leads_to_the_dashboard(client, analyst, db):
    analyst.user_permissions.add(*Permission.objects.filter(content_type__app_label="quickscale_credits"))
    assert 'href="/admin/analytics/"' in client.get("/admin/quickscale_credits/").content.decode()


def test_a_held_and_expired_balance_counts_as_its_definitions_say(client, analyst, user, clock):
    fund(user, 10, expires_at=timezone.now() + timedelta(days=1))
    fund(user, 20)
    ledger.hold(user, 15, reason="work", expires_in=timedelta(days=30))
    clock.shift(timedelta(days=2))
    answer = client.get("/admin/analytics/outstanding.json").json()
    figures = {figure["key"]: figure["value"] for figure in answer["figures"]}
    assert figures["held"] == "15"
    ages = [series for series in answer["series"] if series["key"] == "age-pay_as_you_go"]
    assert Decimal(ages[0]["points"][0]["value"]) == 30


@pytest.mark.once
def test_the_panel_of_the_docs_takes_ten_lines_and_is_shown_with_what_it_counts(analyst, client, registry):
    page = (ROOT / "docs" / "how-to" / "add-a-panel.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    assert len([line for line in code.partition("@analytics")[2].splitlines() if line.strip()]) == 10
    exec(compile(code, "newsletter/analytics.py", "exec"), {"__name__": "newsletter.analytics"})
    User.objects.create_user("eve", date_joined=timezone.now() - timedelta(days=40))
    for days, count in {"7d": 1, "90d": 2}.items():
        told = client.get(f"/admin/analytics/sign-ups.json?period={days}").json()
        assert [figure["value"] for figure in told["figures"]] == [count]
        points = told["series"][0]["points"]
        assert len(points) == int(days[:-1])
        assert sum(point["value"] for point in points) == count
        shown = client.get(f"/admin/analytics/sign-ups/?period={days}").content.decode()
        assert "Users who joined." in shown
        lines = rows_of(client.get(f"/admin/analytics/sign-ups.csv?period={days}"))
        assert [line["value"] for line in lines if (line["what"], line["key"]) == ("figure", "joined")] == [str(count)]
