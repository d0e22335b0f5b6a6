"""The letters of accounts: from whom they greet, and as a page beside their text."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache

SECRET = "a long enough secret"
LETTERS = [
    ("/accounts/signup/", {"email": "eve@example.com", "password1": SECRET, "password2": SECRET}, "confirm-email/"),
    ("/accounts/signup/", {"email": "ada@example.com", "password1": SECRET, "password2": SECRET}, "password/reset/"),
    ("/accounts/password/reset/", {"email": "ada@example.com"}, "password/reset/key/"),
    ("/accounts/password/reset/", {"email": "nobody@example.com"}, "signup/"),
]
NAMES = ["the address is to be confirmed", "has an account already", "a new password", "has no account"]


@pytest.fixture
def letter_of(client, db):
    cache.clear()
    ada = get_user_model().objects.create_user("ada@example.com", SECRET)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)

    def letter_of(address, form, language):
        client.post(address, form, headers={"accept-language": language})
        [letter] = mail.outbox
        return letter

    return letter_of


@pytest.mark.parametrize(("address", "form", "link"), LETTERS, ids=NAMES)
def test_a_letter_is_a_page_too_with_its_link(letter_of, address, form, link):
    letter = letter_of(address, form, "es")
    [(page, kind)] = letter.alternatives
    assert kind == "text/html"
    assert '<html lang="es">' in page
    assert f"<title>{letter.subject}</title>" in page
    [url] = re.findall(rf"http://testserver/accounts/{link}\S*", letter.body)
    assert f'href="{url}"' in page


@pytest.mark.parametrize(
    ("language", "greeting"), [("en", "Hello from Inkwell!"), ("es", "¡Hola de parte de Inkwell!")]
)
@pytest.mark.parametrize(("address", "form", "link"), LETTERS, ids=NAMES)
def test_a_letter_greets_from_the_site_not_from_the_host_of_the_request(
    letter_of, address, form, link, language, greeting
):
    letter = letter_of(address, form, language)
    assert letter.body.startswith(f"{greeting}\n")
    assert letter.body.endswith("\nInkwell\nhttp://testserver/")
