"""The page on which owners redeem codes, and what staff see of a campaign."""

import csv
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.models import LedgerEntry, RedeemCode
from quickscale_credits.redeeming import MOST_FAILURES
from quickscale_credits.testing import assert_balance

PAGE = "/credits/redeem/"
LIST = "/admin/quickscale_credits/redeemcode/"


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def campaign(db):
    return RedeemCode.objects.create(code="LAUNCH", amount=25, budget=100, uses_per_owner=2)


@pytest.fixture(autouse=True)
def nothing_counted(settings):
    from django.core.cache import cache

    cache.clear()
    yield
    cache.clear()


def test_a_code_gives_its_credits_and_says_so(reader, user, campaign):
    response = reader.post(PAGE, {"code": " launch "}, follow=True)
    assert response.redirect_chain == [("/credits/", 302)]
    assert "25 credits were added." in response.content.decode()
    assert_balance(user, 25)


def test_a_link_fills_the_form_in_and_gives_nothing(reader, user, campaign):
    page = reader.get(PAGE, {"code": "LAUNCH"}).content.decode()
    assert 'value="LAUNCH"' in page
    assert_balance(user, 0)


def test_what_stands_in_a_link_is_escaped(reader):
    assert "<script>" not in reader.get(PAGE, {"code": '"><script>'}).content.decode()


@pytest.mark.parametrize("code", ["nope", "", "x" * 65, "\x00", "LAUNCH\u200b"])
def test_what_cannot_be_redeemed_is_refused_alike(reader, user, campaign, code):
    assert reader.post(PAGE, {"code": code}).status_code == 422
    assert_balance(user, 0)


def test_whoever_guesses_must_wait_and_others_need_not(reader, client, user, campaign, django_user_model):
    for _ in range(MOST_FAILURES):
        reader.post(PAGE, {"code": "guess"})
    response = reader.post(PAGE, {"code": "LAUNCH"})
    assert (response.status_code, "try again in an hour" in response.content.decode()) == (429, True)
    assert_balance(user, 0)
    other = django_user_model.objects.create_user("other")
    client.force_login(other)
    assert client.post(PAGE, {"code": "LAUNCH"}).status_code == 302


def test_a_visitor_is_sent_to_log_in_and_a_post_needs_its_token(client, user, campaign):
    assert client.post(PAGE, {"code": "LAUNCH"}).status_code == 302
    client.force_login(user)
    client.handler.enforce_csrf_checks = True
    assert client.post(PAGE, {"code": "LAUNCH"}).status_code == 403
    assert not LedgerEntry.objects.exists()


def test_the_list_of_campaigns_shows_what_they_gave_and_what_is_left(admin_client, user, campaign):
    ledger.redeem(user, "launch")
    page = admin_client.get(LIST).content.decode()
    assert 'field-redeemed">25<' in page
    assert 'field-left">75<' in page
    (row,) = admin_client.get(LIST).context["cl"].result_list
    assert (row.uses, row.redeemed) == (1, 25)


def test_a_campaign_shows_its_latest_redemptions_and_comes_as_csv(admin_client, user, campaign):
    ledger.redeem(user, "launch")
    page = admin_client.get(f"{LIST}{campaign.pk}/change/").content.decode()
    assert "the latest redemptions" in page.lower()
    assert 'name="code"' not in page
    lines = b"".join(admin_client.get(f"{LIST}export/").streaming_content).decode().splitlines()
    assert next(csv.DictReader(lines))["uses"] == "1"
    redemptions = admin_client.get("/admin/quickscale_credits/redemption/", {"q": "LAUNCH"})
    assert redemptions.context["cl"].result_count == 1


def changed(admin_client, campaign, **values):
    form = {"code": "launch", "amount": "25", "credit_type": "promotional", "uses_per_owner": "1"}
    form |= {"redemptions-TOTAL_FORMS": "0", "redemptions-INITIAL_FORMS": "0"}
    address = f"{LIST}{campaign.pk}/change/" if campaign else f"{LIST}add/"
    return admin_client.post(address, form | values)


def test_a_budget_is_no_less_than_what_was_given(admin_client, user, campaign):
    ledger.redeem(user, "launch")
    response = changed(admin_client, campaign, budget="24")
    assert "25 credits were given already." in response.content.decode()
    assert changed(admin_client, campaign, budget="25").status_code == 302
    campaign.refresh_from_db()
    assert campaign.budget == Decimal(25)


def test_a_code_that_differs_by_case_alone_is_taken(admin_client, campaign):
    assert "already exists" in changed(admin_client, None).content.decode()


def test_a_campaign_does_not_end_before_it_begins(admin_client, db):
    now = timezone.now()
    times = {"valid_from": now, "valid_until": now - timedelta(days=1)}
    split = {f"{name}_{part}": f"{value:{form}}" for name, value in times.items() for part, form in PARTS.items()}
    assert "It ends before it begins." in changed(admin_client, None, **split).content.decode()


PARTS = {"0": "%Y-%m-%d", "1": "%H:%M:%S"}
