"""What is said beside fields and of accounts: the last table of the page that lists what people read."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core.cache import cache

from tests.test_errors_people_see import section

SECRET = "a long enough secret"
NEWCOMER = {"email": "eve@example.com", "password1": SECRET, "password2": SECRET}
CHANGE = {"oldpassword": SECRET, "password1": SECRET, "password2": SECRET}
TOLD = [
    ("/contact/", {"name": "Eve"}, "This field is required."),
    ("/accounts/signup/", {"email": "eve at home"}, "Enter a valid email address."),
    ("/accounts/profile/", {"language": "tlh"}, "Select a valid choice. … is not one of the available choices."),
    ("/accounts/login/", {}, "The email address and/or password you specified are not correct."),
    ("/accounts/signup/", {"password2": "another one"}, "You must type the same password each time."),
    ("/accounts/signup/", {"password1": "short"}, "This password is too short. It must contain at least 8 characters."),
    ("/accounts/signup/", {"password1": "password123"}, "This password is too common."),
    ("/accounts/signup/", {"password1": "eve@example.co"}, "The password is too similar to the email address."),
    ("/accounts/password/change/", {"oldpassword": "wrong"}, "Please type your current password."),
    ("/accounts/reauthenticate/", {"password": "wrong"}, "Incorrect password."),
    ("/accounts/email/", {"action_remove": ""}, "You cannot remove your primary email address (…)."),
    ("/accounts/email/", {"action_add": ""}, "This email address is already associated with this account."),
    ("/accounts/login/", {"login": "idle@example.com", "password": SECRET}, "This account is inactive."),
    ("/accounts/confirm-email/gone/", None, "This email confirmation link expired or is invalid."),
    (
        "/accounts/password/reset/key/1-gone/",
        None,
        "The password reset link was invalid, possibly because it has already been used.",
    ),
]
FORMS = {
    "/accounts/signup/": NEWCOMER,
    "/accounts/login/": {"login": "ada@example.com", "password": "wrong"},
    "/accounts/password/change/": CHANGE,
    "/accounts/profile/": {"name": "", "language": "", "time_zone": ""},
    "/accounts/reauthenticate/": {},
    "/accounts/email/": {"email": "ada@example.com"},
    "/contact/": {},
}
OF_WHO_IS_SIGNED_IN = {
    "/accounts/profile/",
    "/accounts/password/change/",
    "/accounts/reauthenticate/",
    "/accounts/email/",
}


@pytest.fixture(autouse=True)
def forget_rate_limits():
    cache.clear()


@pytest.fixture
def ada(db):
    user = get_user_model().objects.create_user("ada@example.com", SECRET)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def idle(db):
    user = get_user_model().objects.create_user("idle@example.com", SECRET, is_active=False)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


def words_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


@pytest.mark.parametrize(("address", "form", "text"), TOLD, ids=[text for *_, text in TOLD])
def test_it_is_said_as_it_is_listed(client, ada, idle, address, form, text):
    if address in OF_WHO_IS_SIGNED_IN:
        client.force_login(ada)
    response = client.get(address) if form is None else client.post(address, FORMS[address] | form, follow=True)
    assert re.search(re.escape(text).replace("…", ".+"), words_of(response))


def test_who_guesses_passwords_is_stopped(client, ada):
    for _ in range(6):
        response = client.post("/accounts/login/", FORMS["/accounts/login/"])
    assert "Too many failed login attempts. Try again later." in response.content.decode()


def test_every_row_of_the_table_was_said():
    said = {text for *_, text in TOLD} | {"Too many failed login attempts. Try again later."}
    assert {text for text, _next in section("Accounts and fields")} == said
