"""What owners read about their credits on the credits page, in its CSV and in the template tag."""

import csv
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount
from quickscale_credits.owners import owner_for


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def shown(response):
    return [entry.sequence for entry in response.context["page"].entries]


def cells(response):
    lines = b"".join(response.streaming_content).decode().splitlines()
    return list(csv.DictReader(lines))


def test_a_visitor_is_sent_to_log_in(client, db):
    response = client.get("/credits/")
    assert response.status_code == 302
    assert response.url == "/admin/login/?next=/credits/"


def test_looking_at_an_empty_page_makes_no_account(reader, user):
    response = reader.get("/credits/")
    assert "Nothing has happened" in response.content.decode()
    assert not CreditAccount.objects.for_owner(user).exists()


def test_the_page_shows_what_is_available_held_and_in_all(reader, user):
    ledger.grant(user, "100.5")
    ledger.hold(user, 40, reason="work")
    response = reader.get("/credits/")
    assert response.context["balance"] == ledger.balance(user)
    assert {"100.5", "60.5", "40"} <= set(response.content.decode().replace("<", ">").split(">"))


def test_each_type_shows_what_is_free_of_it(reader, user):
    ledger.grant(user, 5, credit_type="promotional")
    ledger.grant(user, 7)
    response = reader.get("/credits/")
    assert dict(response.context["by_type"]) == {"Subscription": 0, "Promotional": 5, "Pay as you go": 7}


def test_only_grants_that_end_within_thirty_days_are_named_as_expiring(reader, user):
    ledger.grant(user, 11, expires_at=timezone.now() + timedelta(days=29))
    ledger.grant(user, 12, expires_at=timezone.now() + timedelta(days=31))
    ledger.grant(user, 13)
    expiring = reader.get("/credits/").context["expiring"]
    assert [grant.remaining for grant in expiring] == [11]


def test_a_hold_is_listed_until_it_is_captured(reader, user):
    ledger.grant(user, 10)
    hold = ledger.hold(user, 4, reason="render")
    assert list(reader.get("/credits/").context["holds"]) == [hold]
    ledger.capture(hold)
    assert list(reader.get("/credits/").context["holds"]) == []


def test_history_is_newest_first_with_the_running_balance(reader, user):
    ledger.grant(user, 10)
    ledger.spend(user, 3, reason="work")
    entries = reader.get("/credits/").context["page"].entries
    assert [(entry.amount, entry.balance_after) for entry in entries] == [(-3, 7), (10, 10)]


def test_turning_pages_visits_every_entry_once_and_comes_back(reader, user):
    for _number in range(120):
        ledger.grant(user, 1)
    first = reader.get("/credits/")
    second = reader.get("/credits/", {"before": first.context["page"].older})
    third = reader.get("/credits/", {"before": second.context["page"].older})
    assert shown(first) + shown(second) + shown(third) == list(range(120, 0, -1))
    assert third.context["page"].older is None
    assert shown(reader.get("/credits/", {"after": third.context["page"].newer})) == shown(second)
    assert shown(reader.get("/credits/", {"after": second.context["page"].newer})) == shown(first)


def test_no_page_counts_the_entries(reader, user, django_assert_max_num_queries):
    ledger.grant(user, 10)
    with django_assert_max_num_queries(12) as queries:
        reader.get("/credits/", {"before": 9})
    assert not [query for query in queries.captured_queries if "COUNT(" in query["sql"].upper()]


def test_history_is_filtered_by_kind(reader, user):
    ledger.grant(user, 10)
    ledger.spend(user, 3, reason="work")
    assert shown(reader.get("/credits/", {"kind": "spend"})) == [2]


def test_history_is_filtered_by_days_both_included(reader, user, clock):
    for _day in range(4):
        ledger.grant(user, 10)
        clock.shift(timedelta(days=1))
    assert shown(reader.get("/credits/", {"since": "2026-01-16", "until": "2026-01-17"})) == [3, 2]


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "gift"},
        {"since": "yesterday"},
        {"until": "9999-12-31"},
        {"since": "0001-01-01"},
        {"before": "-1"},
        {"before": "9" * 30},
        {"after": "٣"},
        {"after": "1 OR 1=1"},
    ],
)
def test_an_address_that_makes_no_sense_filters_nothing(reader, user, query):
    ledger.grant(user, 10)
    response = reader.get("/credits/", query)
    assert response.status_code == 200
    assert shown(response) == [1]


def test_the_csv_holds_what_the_ledger_holds(reader, user):
    ledger.grant(user, "10.25")
    ledger.spend(user, 3, reason="work", reference="order 7")
    rows = cells(reader.get("/credits/history.csv"))
    assert [(row["sequence"], row["amount"], row["balance_after"]) for row in rows] == [
        ("1", "10.25", "10.25"),
        ("2", "-3", "7.25"),
    ]
    assert rows[1]["reference"] == "order 7"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_in_the_csv_begins_as_a_formula(reader, user, start):
    ledger.grant(user, 10, reference=f"{start}SUM(A1)")
    content = b"".join(reader.get("/credits/history.csv").streaming_content).decode()
    assert f"'{start}SUM(A1)" in content


def test_the_csv_keeps_the_filter(reader, user):
    ledger.grant(user, 10)
    ledger.spend(user, 3, reason="work")
    assert [row["kind"] for row in cells(reader.get("/credits/history.csv?kind=spend"))] == ["spend"]


def test_nobody_sees_the_credits_of_somebody_else(reader, user):
    other = get_user_model().objects.create_user("bob")
    ledger.grant(other, 77, reference="secret")
    assert reader.get("/credits/").context["page"].entries == []
    assert cells(reader.get("/credits/history.csv")) == []


def test_what_an_entry_says_is_escaped_on_the_page(reader, user):
    ledger.grant(user, 10)
    ledger.spend(user, 1, reason="work", reference="<script>alert(1)</script>")
    assert "<script>alert" not in reader.get("/credits/").content.decode()


def balance_in_template(owner):
    template = Template("{% load quickscale_credits %}{% credit_balance user %}")
    return template.render(Context({"user": owner}))


def test_the_template_tag_shows_what_can_be_spent(user):
    ledger.grant(user, "1234.5")
    ledger.hold(user, 34, reason="work")
    assert balance_in_template(user) == "1,200.5"


def test_the_template_tag_shows_nothing_for_a_visitor():
    assert balance_in_template(AnonymousUser()) == ""


def bob(request):
    return get_user_model().objects.get(username="bob")


def nobody(request):
    return None


def test_the_hosts_resolver_says_whose_credits_are_shown(reader, settings):
    settings.QUICKSCALE_CREDITS = {"OWNER_RESOLVER": f"{__name__}.bob"}
    ledger.grant(get_user_model().objects.create_user("bob"), 42)
    assert reader.get("/credits/").context["balance"].total == 42


def test_a_login_without_an_owner_is_refused(reader, settings):
    settings.QUICKSCALE_CREDITS = {"OWNER_RESOLVER": f"{__name__}.nobody"}
    assert reader.get("/credits/").status_code == 403
    assert reader.get("/credits/history.csv").status_code == 403


def test_an_owner_that_is_no_user_needs_a_resolver(rf, settings):
    settings.QUICKSCALE_OWNER_MODEL = "teams.Team"
    with pytest.raises(ImproperlyConfigured, match="OWNER_RESOLVER"):
        owner_for(rf.get("/"))
