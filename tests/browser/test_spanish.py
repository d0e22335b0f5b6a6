"""The example in Spanish: for whom the browser asks for it, and for who has chosen it, in mail too."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail as outbox
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from quickscale_credits import ledger

SPANISH = {"Accept-Language": "es-AR,es;q=0.9"}
ADDRESSES = [
    "/dashboard/",
    "/credits/",
    "/billing/",
    "/billing/subscription/",
    "/billing/history/",
    "/services/text-summary/",
    "/services/runs/",
    "/services/keys/",
    "/accounts/profile/",
    "/notices/",
]
# What a page says in English wherever it is not translated.
ENGLISH = re.compile(r"\b(the|your|and|with|credits|run|of)\b", re.IGNORECASE)


@pytest.fixture
def ada(db):
    cache.clear()
    user = get_user_model().objects.create_user("ada@example.com", language="es", time_zone="America/Lima")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    ledger.grant(user, "1234.5", reason="compra")
    return user


def words_of(response):
    page = re.sub(r"<(script|style|code|pre).*?</\1>", "", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_visitor_gets_the_language_that_the_browser_asks_for(client, db):
    page = client.get("/", headers=SPANISH)
    assert 'lang="es"' in page.content.decode()
    assert "Pequeñas herramientas para textos" in words_of(page)
    assert 'lang="en"' in client.get("/").content.decode()


@pytest.mark.parametrize("address", ADDRESSES)
def test_who_has_chosen_spanish_reads_spanish(ada, address):
    browser = Client()
    browser.force_login(ada)
    page = words_of(browser.get(address))
    assert ENGLISH.findall(page) == []
    assert "1 234,5" in page


def test_mail_is_in_the_language_of_the_profile_whoever_caused_it(ada, settings, django_capture_on_commit_callbacks):
    settings.QUICKSCALE_CREDITS = settings.QUICKSCALE_CREDITS | {"LOW_BALANCE_THRESHOLD": 20}
    with django_capture_on_commit_callbacks(execute=True):
        ledger.spend(ada, 1220, reason="uso")
    call_command("send_mail", verbosity=0)
    [letter] = outbox.outbox
    assert letter.subject == "Te quedan pocos créditos"
    assert "14,5" in letter.body
