"""What the example answers without a browser: its policy, its error pages, its accounts and its credits."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.urls import reverse

from quickscale_credits import ledger

PUBLIC = [
    "/",
    "/about/",
    "/contact/",
    "/contact/thanks/",
    "/services/",
    "/billing/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/nowhere/",
    "/api/docs",
]
PRIVATE = [
    "/dashboard/",
    "/notices/",
    "/credits/",
    "/billing/subscription/",
    "/services/runs/",
    "/services/keys/",
    "/accounts/profile/",
    "/accounts/sessions/",
    "/accounts/email/",
    "/accounts/password/change/",
]


@pytest.fixture(autouse=True)
def forget_rate_limits():
    """allauth sends one address one letter in three minutes, whichever test it was."""
    cache.clear()


@pytest.fixture
def ada(db):
    user = get_user_model().objects.create_user("ada@example.com", "a long enough secret")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def sign_up(client, email):
    form = {"email": email, "password1": "a long enough secret", "password2": "a long enough secret"}
    client.post("/accounts/signup/", form)
    return get_user_model().objects.get(email=email)


def confirm(client):
    link = re.search(r"/accounts/confirm-email/\S+", mail.outbox[-1].body)[0]
    return client.post(link)


def is_strict(response):
    policy = response.headers["Content-Security-Policy"]
    return policy.startswith("default-src 'self';") and "unsafe" not in policy


@pytest.mark.parametrize("address", PUBLIC)
def test_every_public_page_has_the_strict_policy(client, db, address):
    assert is_strict(client.get(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_every_private_page_asks_to_log_in_and_has_the_strict_policy(client, ada, address):
    assert client.get(address).url.startswith("/accounts/login/")
    client.force_login(ada)
    response = client.get(address)
    assert response.status_code == 200
    assert is_strict(response)


@pytest.mark.parametrize("address", [*PUBLIC, *PRIVATE])
def test_no_page_holds_inline_script_or_style(client, ada, address):
    client.force_login(ada)
    page = client.get(address, follow=True).content.decode()
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", page) == []


def test_an_account_gets_its_credits_once_its_address_is_verified(client, db):
    user = sign_up(client, "newcomer@example.com")
    assert ledger.balance(user).total == 0
    confirm(client)
    assert ledger.balance(user).by_type["promotional"] == 100


def test_verifying_a_second_address_gives_nothing_more(client, db):
    user = sign_up(client, "newcomer@example.com")
    confirm(client)
    client.post("/accounts/email/", {"email": "other@example.com", "action_add": ""})
    confirm(client)
    assert EmailAddress.objects.filter(user=user, verified=True).count() == 2
    assert ledger.balance(user).total == 100


def test_an_unverified_account_cannot_log_in(client, db):
    sign_up(client, "newcomer@example.com")
    form = {"login": "newcomer@example.com", "password": "a long enough secret"}
    assert client.post("/accounts/login/", form).url == reverse("account_email_verification_sent")
    assert client.get("/dashboard/").status_code == 302
