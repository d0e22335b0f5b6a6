"""Each route of a team, asked for as a visitor, an outsider, a member, an administrator and the staff."""

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse

from inkwell.teams.models import Invitation, Membership
from inkwell.teams.owners import found
from tests.browser.test_access import routes
from tests.projects.inkwell_teams import access
from tests.projects.inkwell_teams.people import browser_of, join, person

pytestmark = pytest.mark.django_db
OF_A_TEAM = ("teams:", "admin:teams_")


@pytest.fixture
def team():
    cache.clear()
    team = found("Analysts", by=person("ada@example.com"))
    join(team, "mila@example.com")
    Invitation.objects.create(organization=team, email="guest@example.com")
    return team


@pytest.fixture
def browsers(team):
    administrator, member = (each.user for each in team.memberships.all())
    outsider = person("olga@example.com")
    found("Others", by=outsider)
    staff = get_user_model().objects.create_superuser("admin@example.com")
    return [Client(), *map(browser_of, (outsider, member, administrator, staff))]


def address(route, team):
    if route == "teams:accept":
        return reverse(route, args=[team.invitations.get().token])
    if route == "teams:withdraw":
        return reverse(route, args=[team.invitations.get().pk])
    if route in ("teams:remove", "teams:promote", "teams:limit"):
        return reverse(route, args=[team.memberships.last().pk])
    takes_a_team = route.startswith("admin:") and route.endswith(("_change", "_delete", "_history"))
    return reverse(route, args=[team.pk] if takes_a_team else [])


def asked(browsers, method, place):
    """What each is answered, as if none of the others had asked."""
    for browser in browsers:
        before = transaction.savepoint()
        yield str(getattr(browser, method)(place).status_code)
        transaction.savepoint_rollback(before)


@pytest.mark.parametrize(("method", "answers"), [("get", access.GET), ("post", access.POST)])
def test_every_route_answers_each_person_as_the_table_says(team, browsers, method, answers):
    expected = access.written(answers)
    found = {route: " ".join(asked(browsers, method, address(route, team))) for route in expected}
    assert found == expected


def test_no_route_of_a_team_is_left_out_of_the_table():
    named = set(routes(get_resolver().url_patterns))
    assert {route for route in named if route.startswith(OF_A_TEAM)} <= access.written(access.GET).keys()


@pytest.mark.parametrize("route", ["teams:remove", "teams:promote", "teams:limit", "teams:withdraw", "teams:accept"])
@pytest.mark.parametrize("outside", [0, 1, 4])
def test_who_is_outside_changes_nothing_of_a_team(team, browsers, route, outside):
    before = state(team)
    browsers[outside].post(address(route, team), {"amount": "1", "period": "month"})
    assert state(team) == before


def state(team):
    return (
        list(team.memberships.values_list("pk", "role")),
        list(team.invitations.values_list("pk", "accepted_at")),
        team.credit_account.limits.count() if hasattr(team, "credit_account") else 0,
    )


def sent(browser, team, *, roles=("administrator", "member"), **changes):
    form = {"name": team.name, "created_at_0": "2026-01-01", "created_at_1": "12:00"}
    form |= {f"memberships-{name}_FORMS": number for name, number in (("TOTAL", 2), ("INITIAL", 2))}
    for place, (row, role) in enumerate(zip(team.memberships.all(), roles, strict=True)):
        row_of = {"id": row.pk, "organization": team.pk, "user": row.user_id, "role": role}
        form |= {f"memberships-{place}-{name}": value for name, value in row_of.items()}
    return browser.post(address("admin:teams_organization_change", team), form | changes)


def test_staff_cannot_take_a_team_its_last_administrator(team, browsers):
    for answer in (
        sent(browsers[-1], team, **{"memberships-0-DELETE": "on"}),
        sent(browsers[-1], team, roles=("member", "member")),
    ):
        assert "A team needs an administrator" in answer.content.decode()
        assert team.memberships.first().role == Membership.Role.ADMINISTRATOR


def test_staff_may_put_somebody_else_in_the_place_of_the_last_administrator(team, browsers):
    answer = sent(browsers[-1], team, roles=("administrator",) * 2, **{"memberships-0-DELETE": "on"})
    assert answer.status_code == 302
    assert [each.user.email for each in team.memberships.filter(role="administrator")] == ["mila@example.com"]
