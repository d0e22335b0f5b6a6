"""The example's teams when mail fails, when too much is asked, when two act at once or somebody presses twice."""

from functools import partial

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.exceptions import PermissionDenied

from inkwell.accounts.models import User
from inkwell.teams import inviting, members
from inkwell.teams.models import Membership
from inkwell.teams.owners import found
from quickscale_credits import ledger
from tests.projects.inkwell_teams.people import browser_of, join, person
from tests.stories.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(ada):
    return found("Analysts", by=ada)


@pytest.fixture
def browser(ada, team):
    return browser_of(ada)


@pytest.fixture
def no_mail_server(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


def invite(browser, email):
    return browser.post("/team/invite/", {"email": email}, follow=True)


def test_an_invitation_that_the_mail_server_refuses_can_be_sent_later(browser, team, settings, no_mail_server):
    page = invite(browser, "carla@example.com").content.decode()
    assert "could not be sent now" in page
    assert "not sent yet" in page
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    page = invite(browser, "carla@example.com").content.decode()
    assert "is on its way to carla@example.com" in page
    assert "not sent yet" not in page
    assert (team.invitations.count(), len(mail.outbox)) == (1, 1)


def test_an_invitation_is_a_page_too_with_its_link_and_the_teams_name_as_text(ada):
    team = found("<b>Bold</b>\nAnalysts", by=ada)
    invite(browser_of(ada), "carla@example.com")
    [letter] = mail.outbox
    [(page, kind)] = letter.alternatives
    assert kind == "text/html"
    assert f'href="http://testserver/team/join/{team.invitations.get().token}/"' in page
    assert "you are invited to &lt;b&gt;Bold&lt;/b&gt; Analysts</h1>" in page


def test_an_address_gets_a_few_letters_a_day_whoever_sends_them(browser):
    others = [person(f"admin{number}@example.com") for number in range(4)]
    browsers = [browser_of(found("Others", by=each).members.get()) for each in others]
    statuses = [invite(each, "Carla@example.com").status_code for each in browsers]
    assert statuses == [200] * inviting.LETTERS_TO_AN_ADDRESS + [422]
    assert "try again tomorrow" in invite(browser, "carla@example.com").content.decode()
    assert len(mail.outbox) == inviting.LETTERS_TO_AN_ADDRESS


def test_who_withdraws_or_founds_another_team_sends_no_more_letters(browser, team):
    for number in range(inviting.LETTERS_OF_A_TEAM):
        invite(browser, f"guest{number}@example.com")
        browser.post(f"/team/invitations/{team.invitations.get().pk}/withdraw/")
    assert invite(browser, "last@example.com").status_code == 422
    browser.post("/team/found/", {"name": "Another"})
    assert invite(browser, "last@example.com").status_code == 422
    assert len(mail.outbox) == inviting.LETTERS_OF_A_TEAM


def test_a_letter_that_is_sent_again_is_good_for_another_week(browser, team, clock):
    invite(browser, "carla@example.com")
    clock.shift(60 * 60 * 24 * 6)
    cache.clear()
    invite(browser, "carla@example.com")
    clock.shift(60 * 60 * 24 * 6)
    carla = person("carla@example.com")
    browser_of(carla).post(f"/team/join/{team.invitations.get().token}/")
    assert team.members.contains(carla)


def test_a_member_is_not_invited_again(browser, team):
    join(team, "bram@example.com")
    response = invite(browser, "Bram@example.com")
    assert (response.status_code, mail.outbox) == (422, [])
    assert "is a member already" in response.content.decode()


def test_who_is_removed_twice_is_gone_and_nobody_is_lost_on_the_way(browser, team):
    bram = join(team, "bram@example.com")
    for _ in range(2):
        assert browser.post(f"/team/members/{bram.pk}/remove/").url == "/team/"
    leaving = join(team, "carla@example.com")
    hers = browser_of(leaving.user)
    assert [hers.post(f"/team/members/{leaving.pk}/remove/").url for _ in range(2)] == ["/dashboard/", "/team/found/"]


@pytest.mark.parametrize("act", [members.remove, members.promote, partial(members.limit, amount=3, period="day")])
def test_an_administrator_who_was_removed_meanwhile_changes_nothing(team, ada, act):
    join(team, "grace@example.com", role=Membership.Role.ADMINISTRATOR)
    bram = join(team, "bram@example.com")
    acting = team.memberships.get(user=ada)
    Membership.objects.get(pk=acting.pk).delete()
    with pytest.raises(PermissionDenied):
        act(bram.pk, by=acting)
    assert not Membership.objects.get(pk=bram.pk).is_administrator


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_leave_at_once_one_stays(team, ada):
    join(team, "grace@example.com", role=Membership.Role.ADMINISTRATOR)
    for _ in range(5):
        leaving = [(browser_of(each.user), each.pk) for each in team.memberships.all()]
        presses = [partial(browser.post, f"/team/members/{pk}/remove/") for browser, pk in leaving]
        answers = at_once(2, lambda presses=presses: presses.pop()().status_code)
        assert answers == [302, 302]
        assert team.memberships.filter(role=Membership.Role.ADMINISTRATOR).count() == 1
        missing = {"ada@example.com", "grace@example.com"} - set(team.members.values_list("email", flat=True))
        Membership.objects.create(organization=team, user=User.objects.get(email__in=missing), role="administrator")


@pytest.mark.django_db(transaction=True)
def test_limits_that_are_set_at_once_leave_one(browser, team):
    ledger.grant(team, 10)
    bram = join(team, "bram@example.com")
    acting = team.memberships.first()
    for _ in range(5):
        at_once(3, lambda: members.limit(bram.pk, by=acting, amount=3, period="day"))
        assert team.credit_account.limits.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_address_that_is_invited_twice_at_once_has_one_invitation(team):
    at_once(3, lambda: inviting.open_invitation(team, "carla@example.com"))
    assert team.invitations.count() == 1


def test_a_limit_without_credits_is_refused_with_the_reason(browser, team):
    bram = join(team, "bram@example.com")
    page = browser.post(f"/team/members/{bram.pk}/limit/", {"amount": "3", "period": "month"}, follow=True)
    assert "has no credits yet" in page.content.decode()
    page = browser.post("/team/members/0/limit/", {"amount": "3", "period": "month"}, follow=True)
    assert "not in the team" in page.content.decode()
