"""The example where credits belong to organizations: founding, inviting, joining, leaving, spending within a limit."""

import re
import subprocess
import sys

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client

from inkwell.notices.models import Notice
from inkwell.teams.models import Invitation, Membership, Organization
from inkwell.teams.owners import found, reader_of
from quickscale_billing.mail import Reader
from quickscale_credits import ledger
from quickscale_credits.exceptions import SpendingLimitExceeded
from quickscale_services import registry
from quickscale_services.models import ApiKey
from tests.projects.inkwell_teams.people import browser_of, person

EXAMPLE = settings.BASE_DIR
PAGES = ["/dashboard/", "/team/", "/credits/", "/billing/", "/billing/subscription/", "/services/", "/services/keys/"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def team(ada):
    team = found("Analysts", by=ada)
    ledger.grant(team, 100)
    return team


@pytest.fixture
def bram(team):
    bram = person("bram@example.com")
    Membership.objects.create(organization=team, user=bram)
    return bram


def invited(browser, email):
    browser.post("/team/invite/", {"email": email})
    return re.search(r"/team/join/\S+", mail.outbox[-1].body)[0]


def test_a_newcomer_founds_a_team_and_its_wallet_gets_the_signup_credits(client):
    form = {"email": "eve@example.com", "password1": "a long enough secret", "password2": "a long enough secret"}
    client.post("/accounts/signup/", form)
    client.post(re.search(r"/accounts/confirm-email/\S+", mail.outbox[-1].body)[0])
    [organization] = get_user_model().objects.get(email="eve@example.com").organizations.all()
    assert ledger.balance(organization).total == 100
    assert organization.email == "eve@example.com"


@pytest.mark.parametrize("address", PAGES)
def test_every_page_opens_for_a_member(bram, address):
    assert browser_of(bram).get(address).status_code == 200


def test_a_member_spends_the_teams_credits_under_their_own_name(team, bram):
    browser_of(bram).post("/services/text-summary/", {"text": "One sentence. Another one. A third."})
    entry = team.credit_account.entries.get(kind="spend")
    assert (entry.amount, entry.actor) == (-2, str(bram.pk))


def test_a_limit_stops_one_member_and_not_the_other(team, ada, bram):
    member = team.memberships.get(user=bram)
    browser_of(ada).post(f"/team/members/{member.pk}/limit/", {"amount": "3", "period": "month"})
    registry["text-summary"].run(team, actor=bram, text="One sentence. Another.")
    with pytest.raises(SpendingLimitExceeded):
        registry["text-summary"].run(team, actor=bram, text="One sentence. Another.")
    registry["text-summary"].run(team, actor=ada, text="One sentence. Another.")
    browser_of(ada).post(f"/team/members/{member.pk}/limit/", {"amount": "", "period": "month"})
    registry["text-summary"].run(team, actor=bram, text="One sentence. Another.")
    assert ledger.balance(team).total == 94


def test_who_is_invited_joins_by_the_link_and_only_once(team, ada):
    link = invited(browser_of(ada), "carla@example.com")
    carla = person("carla@example.com")
    browser = browser_of(carla)
    browser.get(link)
    assert not team.members.contains(carla)
    browser.post(link)
    assert team.members.contains(carla)
    assert browser.post(link).status_code == 404


def test_an_invitation_is_good_for_its_own_verified_address_alone(team, ada):
    link = invited(browser_of(ada), "carla@example.com")
    mallory = person("mallory@example.com")
    EmailAddress.objects.create(user=mallory, email="carla@example.com", verified=False)
    response = browser_of(mallory).post(link)
    assert response.status_code == 404
    assert "cannot be accepted" in response.content.decode()
    assert not team.members.contains(mallory)


def test_an_old_invitation_is_not_accepted(team, ada, clock):
    link = invited(browser_of(ada), "carla@example.com")
    clock.shift(60 * 60 * 24 * 8)
    assert browser_of(person("carla@example.com")).post(link).status_code == 404


def test_asking_twice_sends_the_same_link_twice(team, ada):
    browser = browser_of(ada)
    assert invited(browser, "carla@example.com") == invited(browser, "Carla@example.com")
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize("action", ["invite/", "members/{}/limit/", "members/{}/promote/", "members/{}/remove/"])
def test_a_plain_member_changes_nothing(team, ada, bram, action):
    other = team.memberships.get(user=ada)
    response = browser_of(bram).post(f"/team/{action.format(other.pk)}", {"email": "x@example.com"})
    assert response.status_code == 403
    assert not Invitation.objects.exists()
    assert team.members.count() == 2


def test_another_teams_members_are_out_of_reach(team, ada, bram):
    mallory = person("mallory@example.com")
    found("Others", by=mallory)
    member = team.memberships.get(user=bram)
    for action in ("remove", "promote", "limit"):
        browser_of(mallory).post(f"/team/members/{member.pk}/{action}/", {"amount": "3", "period": "month"})
    member.refresh_from_db()
    assert not member.is_administrator
    assert not team.credit_account.limits.exists()
    assert browser_of(mallory).post("/team/switch/", {"organization": team.pk}).status_code == 404
    assert team.members.contains(bram)


def test_who_leaves_loses_the_wallet_at_once(team, bram):
    browser = browser_of(bram)
    assert "100" in browser.get("/dashboard/").content.decode()
    browser.post(f"/team/members/{team.memberships.get(user=bram).pk}/remove/")
    assert browser.get("/credits/").status_code == 403


def test_who_is_removed_loses_their_keys(team, ada, bram):
    _, plain = ApiKey.objects.issue(team, name="theirs", user=bram)
    others, _ = ApiKey.objects.issue(team, name="others", user=ada)
    browser_of(ada).post(f"/team/members/{team.memberships.get(user=bram).pk}/remove/")
    assert Client().get("/api/account", headers={"Authorization": f"Bearer {plain}"}).status_code == 401
    assert list(ApiKey.objects.filter(revoked_at=None)) == [others]


def test_a_member_gets_no_key_of_an_administrators(team, ada, bram):
    key, _ = ApiKey.objects.issue(team, name="hers", user=ada)
    assert browser_of(bram).post(f"/services/keys/{key.public_id}/rotate/").status_code == 404
    assert browser_of(ada).post(f"/services/keys/{key.public_id}/rotate/").status_code == 200


@pytest.mark.parametrize("address", ["subscription/cancel", "payment-methods/remove", "payment-methods/add"])
def test_a_plain_member_pays_and_cancels_nothing(team, bram, address):
    browser = browser_of(bram)
    assert browser.get("/billing/subscription/").status_code == 200
    assert browser.post(f"/billing/{address}/", {"method": "pm_1"}).status_code == 403


@pytest.mark.parametrize("chosen", ["9" * 30, "9" * 5000, "-1", "٣", ""])
def test_a_team_that_is_none_cannot_be_chosen(team, ada, chosen):
    assert browser_of(ada).post("/team/switch/", {"organization": chosen}).status_code == 404


def test_the_last_administrator_stays(team, ada):
    browser_of(ada).post(f"/team/members/{team.memberships.get(user=ada).pk}/remove/")
    assert team.members.contains(ada)


def test_somebody_of_two_teams_chooses_whose_credits_they_mean(team, ada):
    browser = browser_of(ada)
    browser.post("/team/found/", {"name": "Poets"})
    poets = Organization.objects.get(name="Poets")
    browser.post("/services/text-summary/", {"text": "One sentence. Another."})
    assert ledger.balance(team).total == 100
    browser.post("/team/switch/", {"organization": team.pk})
    browser.post("/services/text-summary/", {"text": "One sentence. Another."})
    assert (ledger.balance(team).total, ledger.balance(poets).total) == (98, 0)


def test_every_member_is_told_that_credits_came(team, ada, bram, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        ledger.grant(team, 5)
    assert set(Notice.objects.values_list("user", flat=True)) == {ada.pk, bram.pk}


def test_a_form_that_is_sent_twice_founds_one_team_and_sends_one_invitation(ada):
    browser = browser_of(ada)
    for _ in range(2):
        browser.post("/team/found/", {"name": "Poets", "form_id": "a"})
        browser.post("/team/invite/", {"email": "carla@example.com", "form_id": "b"})
    assert Organization.objects.count() == 1
    assert len(mail.outbox) == 1


def test_somebody_without_a_team_is_led_to_found_one():
    assert browser_of(person("eve@example.com")).get("/team/").url == "/team/found/"


def test_mail_about_billing_goes_to_every_administrator(team, ada):
    boss = person("grace@example.com")
    Membership.objects.create(organization=team, user=boss, role=Membership.Role.ADMINISTRATOR)
    Membership.objects.create(organization=team, user=person("member@example.com"))
    ada.language = "de"
    ada.save()
    assert reader_of(team) == Reader(to=["ada@example.com", "grace@example.com"], language="de")
    team.memberships.all().delete()
    assert reader_of(team).to == []


def test_the_demo_of_teams_guards_what_the_settings_for_teams_guard():
    code = "from inkwell.demo.team_settings import MIDDLEWARE as demo; from inkwell.team_settings import MIDDLEWARE; "
    code += "print(set(MIDDLEWARE) - set(demo))"
    told = subprocess.run([sys.executable, "-c", code], cwd=EXAMPLE, capture_output=True, text=True, check=True)
    assert told.stdout == "set()\n"
