import pytest
from django.contrib.auth.models import User

from quickscale_credits.models import SpendingLimit
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.models import ApiKey, ServiceRun
from quickscale_services.testing import register_temporarily
from tests.projects.teams.models import Team
from tests.services.samples import CountWords

RUN = "/api/services/count-words/run"


@pytest.fixture
def grace(db):
    return User.objects.create_user("grace")


@pytest.fixture
def team(grace):
    team = Team.objects.create(name="Compilers")
    team.members.add(grace)
    return team


def call(client, **headers):
    with register_temporarily(CountWords):
        return client.post(RUN, {"text": "one"}, content_type="application/json", headers=headers)


def test_a_key_spends_the_teams_credits_in_its_members_name(client, team, grace):
    fund(team, 10)
    plain = ApiKey.objects.issue(team, name="bot", user=grace)[1]
    assert call(client, Authorization=f"Bearer {plain}").json()["balance"] == "8"
    assert ServiceRun.objects.get().actor == str(grace.pk)
    assert_balance(team, 8)


def test_a_members_limit_holds_for_their_key_and_for_nobody_elses(client, team, grace):
    fund(team, 10)
    SpendingLimit.objects.create(account=team.credit_account, member=grace, amount=1, period="day")
    plain, other = (ApiKey.objects.issue(team, name="bot", user=user)[1] for user in (grace, None))
    assert call(client, Authorization=f"Bearer {plain}").json()["code"] == "spending_limit_exceeded"
    assert call(client, Authorization=f"Bearer {other}").status_code == 200


def test_a_member_runs_services_by_session_and_makes_keys_for_the_team(client, team, grace):
    fund(team, 10)
    client.force_login(grace)
    assert call(client).json()["balance"] == "8"
    client.post("/services/keys/", {"name": "bot", "scopes": ["services:run"], "lifetime": ""})
    key = ApiKey.objects.get()
    assert (key.account, key.user) == (team.credit_account, grace)


def test_who_belongs_to_no_team_has_no_credits_here(client, db, django_user_model):
    client.force_login(django_user_model.objects.create_user("eve"))
    response = client.get("/api/account")
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
