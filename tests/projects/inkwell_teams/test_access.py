"""Each route of a team, asked for as a visitor, an outsider, a member, an administrator and the staff."""

from contextlib import suppress

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse

from inkwell.teams.models import Invitation, Membership
from inkwell.teams.owners import found
from tests.browser.access import ROLES, table
from tests.browser.test_access import ENDING, LEFT_OUT, routes
from tests.projects.inkwell_teams import access
from tests.projects.inkwell_teams.people import browser_of, join, person

pytestmark = pytest.mark.django_db
OF_A_TEAM = ("teams:", "admin:teams_")


@pytest.fixture
def team():
    team = found("Analysts", by=person("ada@example.com"))
    join(team, "mila@example.com")
    Invitation.objects.create(organization=team, email="guest@example.com")
    return team


@pytest.fixture
def browsers(team):
    administrator, member = (each.user for each in team.memberships.all())
    outsider = person("olga@example.com")
    found("Others", by=outsider)
    staff = get_user_model().objects.create_superuser("admin@example.com", "a long enough secret")
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


@pytest.mark.parametrize("answers", [access.GET, access.POST])
def test_no_route_of_a_team_is_left_out_of_the_table(answers):
    named = set(routes(get_resolver().url_patterns))
    assert {route for route in named if route.startswith(OF_A_TEAM)} - access.written(answers).keys() == set()


def elsewhere():
    """Every other route that needs no row, as the table of the example says: whoever has a team is a customer."""
    known = table()
    for route in set(routes(get_resolver().url_patterns)) - access.written(access.GET).keys():
        if not LEFT_OUT.search(route) and route not in ENDING:
            answers = dict(zip(ROLES, known[route].split(), strict=True))
            yield route, " ".join(answers[role] for role in ("visitor", "customer", "customer", "customer", "admin"))


def test_every_other_route_answers_as_in_the_example(team, browsers):
    expected, found = {}, {}
    for route, answers in elsewhere():
        with suppress(NoReverseMatch):
            place = reverse(route)
            expected[route], found[route] = answers, " ".join(asked(browsers, "get", place))
    assert len(found) > 100
    assert found == expected


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


def delete(browser, *users):
    if len(users) == 1:
        return browser.post(reverse("admin:accounts_user_delete", args=[users[0].pk]), {"post": "yes"})
    form = {"action": "delete_selected", "_selected_action": [each.pk for each in users], "post": "yes"}
    return browser.post(reverse("admin:accounts_user_changelist"), form)


def test_staff_cannot_delete_who_is_a_teams_last_administrator(team, browsers):
    administrator, member = (each.user for each in team.memberships.all())
    for users in ([administrator], [administrator, member]):
        answer = delete(browsers[-1], *users)
        assert answer.status_code == 200
        assert "Cannot delete" in answer.content.decode()
        assert "ada@example.com, Analysts" in answer.content.decode()
        assert team.memberships.count() == 2


def test_staff_may_delete_anybody_else_of_a_team(team, browsers):
    administrator, member = team.memberships.all()
    assert delete(browsers[-1], member.user).status_code == 302
    join(team, "grace@example.com", role=Membership.Role.ADMINISTRATOR)
    assert delete(browsers[-1], administrator.user).status_code == 302
    assert [each.user.email for each in team.memberships.all()] == ["grace@example.com"]
