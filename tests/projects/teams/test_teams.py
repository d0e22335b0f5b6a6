"""Credits that belong to a team."""

import pytest
from django.contrib.auth.models import User

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount
from tests.projects.teams.models import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(user: User) -> Team:
    team = Team.objects.create(name="Analytical Engines")
    team.members.add(user)
    return team


def test_a_member_spends_the_credits_of_the_team(team, user):
    ledger.grant(team, 100)
    entry = ledger.spend(team, 30, reason="report", actor=user)
    assert entry.actor == str(user.pk)
    assert ledger.balance(team).total == 70


def test_each_team_has_credits_of_its_own(team):
    other_team = Team.objects.create(name="Difference Engines")
    ledger.grant(team, 100)
    assert ledger.balance(other_team).total == 0
    assert team.credit_account in CreditAccount.objects.for_owner(team)


def test_a_team_that_is_deleted_leaves_its_entries(team):
    ledger.grant(team, 100)
    account = team.credit_account
    team.delete()
    account.refresh_from_db()
    assert account.owner is None
    assert [entry.amount for entry in account.entries.all()] == [100]


def test_a_team_that_was_not_saved_is_refused():
    with pytest.raises(ValueError, match="Save the Team first"):
        ledger.grant(Team(name="Nobody yet"), 100)
    assert not CreditAccount.objects.exists()


def test_the_credits_page_shows_a_member_what_the_team_has(team, user, client):
    ledger.grant(team, 4321)
    client.force_login(user)
    assert "4321" in client.get("/credits/").content.decode().replace(",", "")


def test_somebody_without_a_team_is_told_that_no_credits_are_theirs(client):
    client.force_login(User.objects.create_user("grace"))
    assert client.get("/credits/").status_code == 403


def test_staff_find_the_account_of_a_team_in_the_admin(team, admin_client):
    ledger.grant(team, 100)
    found = admin_client.get("/admin/quickscale_credits/creditaccount/", {"q": "Analytical"})
    assert "Analytical Engines" in found.content.decode()
