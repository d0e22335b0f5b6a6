import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from quickscale_services.models import ApiKey
from quickscale_services.plain_keys import PlainKey

KEYS = "/services/keys/"
FORM = {"name": "laptop", "scopes": ["services:run"], "lifetime": ""}


@pytest.fixture
def browser(client, user):
    client.force_login(user)
    return client


def shown_key(response):
    found = re.search(r'id="new-key">(qs_[^<]+)<', response.content.decode())
    return found and found[1]


def test_a_new_key_is_shown_once_and_works(browser, user):
    plain = shown_key(browser.post(KEYS, FORM))
    key = ApiKey.objects.verify(plain)
    assert (key.account.owner, key.user, key.name) == (user, user, "laptop")
    again = browser.get(KEYS)
    assert shown_key(again) is None
    assert plain.split("_", 2)[2] not in again.content.decode()
    assert f"qs_{key.public_id}_…" in again.content.decode()


def test_the_page_says_when_a_key_was_last_used(browser, user, clock):
    _, plain = ApiKey.objects.issue(user, name="laptop")
    assert "<td>Never</td>" in browser.get(KEYS).content.decode()
    clock.shift(timedelta(days=1))
    assert Client().get("/api/runs", headers={"Authorization": f"Bearer {plain}"}).status_code == 200
    page = browser.get(KEYS).content.decode()
    assert "<td>Never</td>" not in page
    assert f'datetime="{timezone.localtime().isoformat()}"' in page


def test_the_key_waits_in_no_cache_session_or_cookie(browser):
    response = browser.post(KEYS, FORM)
    plain = shown_key(response)
    assert "no-store" in response.headers["Cache-Control"]
    assert plain not in str(dict(browser.session)) + str(browser.cookies)


def test_a_key_may_be_for_some_services_and_a_while(browser):
    browser.post(KEYS, FORM | {"scopes": ["services:run:count-words", "credits:read"], "lifetime": "30"})
    key = ApiKey.objects.get()
    assert key.scopes == ["services:run:count-words", "credits:read"]
    assert (key.expires_at - key.created_at).days in (29, 30)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"scopes": []}, {"scopes": ["admin"]}, {"lifetime": "7"}, {"name": "\x00"}]
)
def test_a_form_that_does_not_fit_makes_no_key(browser, wrong):
    assert browser.post(KEYS, FORM | wrong).status_code == 422
    assert not ApiKey.objects.exists()


def test_rotating_shows_the_new_key_and_leaves_the_old_one_an_hour(browser, user):
    key, plain = ApiKey.objects.issue(user, name="laptop")
    response = browser.post(f"{KEYS}{key.public_id}/rotate/")
    assert ApiKey.objects.verify(shown_key(response)) != key
    assert ApiKey.objects.verify(plain).expires_at is not None


def test_a_form_that_is_sent_twice_makes_one_key_and_the_text_shown_last_works(browser):
    first, second = (shown_key(browser.post(KEYS, FORM | {"form_id": "a"})) for _ in range(2))
    assert ApiKey.objects.verify(first) is None
    assert ApiKey.objects.verify(second) == ApiKey.objects.get()


def test_a_button_that_is_pressed_twice_rotates_once(browser, user):
    key, _ = ApiKey.objects.issue(user, name="laptop")
    first, second = (shown_key(browser.post(f"{KEYS}{key.public_id}/rotate/", {"form_id": "a"})) for _ in range(2))
    assert ApiKey.objects.verify(first) is None
    assert ApiKey.objects.verify(second)
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("end", [ApiKey.touch, ApiKey.revoke])
def test_a_form_that_is_sent_again_later_neither_changes_its_key_nor_makes_another(browser, end):
    plain = shown_key(browser.post(KEYS, FORM | {"form_id": "a"}))
    end(ApiKey.objects.get())
    page = browser.post(KEYS, FORM | {"form_id": "a"}, follow=True).content.decode()
    assert "This form was sent before" in page
    assert ApiKey.objects.get().digest == PlainKey.parse(plain).digest


def test_the_same_form_id_of_others_is_another_request(browser, django_user_model):
    shown_key(browser.post(KEYS, FORM | {"form_id": "a"}))
    eve = django_user_model.objects.create_user("eve")
    ApiKey.objects.issue(eve, name="laptop", once="a")
    assert ApiKey.objects.count() == 2


def test_revoking_refuses_the_key_from_then_on(browser, user):
    key, plain = ApiKey.objects.issue(user, name="laptop")
    page = browser.post(f"{KEYS}{key.public_id}/revoke/", follow=True).content.decode()
    assert ApiKey.objects.verify(plain) is None
    assert "Revoked" in page
    assert "/rotate/" not in page
    assert browser.post(f"{KEYS}{key.public_id}/rotate/").status_code == 302
    assert ApiKey.objects.count() == 1


def test_the_keys_of_others_are_not_there(browser, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    key, plain = ApiKey.objects.issue(eve, name="secret plan")
    assert "secret plan" not in browser.get(KEYS).content.decode()
    for verb in ("rotate", "revoke"):
        assert browser.post(f"{KEYS}{key.public_id}/{verb}/").status_code == 404
    assert ApiKey.objects.verify(plain)


def test_a_visitor_is_sent_to_log_in_and_a_form_from_elsewhere_refused(client, user):
    assert client.get(KEYS).status_code == client.post(KEYS, FORM).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(KEYS, FORM).status_code == 403
    assert not ApiKey.objects.exists()


def test_the_page_has_labels_and_no_inline_script_or_style(browser):
    page = browser.post(KEYS, FORM).content.decode()
    assert not re.search(r"<style|style=|<script(?![^>]*src)|\son[a-z]+=", page)
    for name in ("name", "lifetime"):
        assert f'<label class="label" for="id_{name}">' in page


def test_names_are_escaped(browser):
    assert "<b>x" not in browser.post(KEYS, FORM | {"name": "<b>x</b>"}).content.decode()


def test_staff_revoke_keys_and_limit_them_but_never_see_or_make_one(admin_client, user):
    key, plain = ApiKey.objects.issue(user, name="laptop")
    listed = "/admin/quickscale_services/apikey/"
    assert admin_client.get(f"{listed}add/").status_code == 403
    admin_client.post(f"{listed}{key.pk}/change/", {"rate_limit": "5/minute", "name": "other"})
    page = admin_client.get(f"{listed}{key.pk}/change/").content.decode()
    assert key.digest not in page
    key.refresh_from_db()
    assert (key.rate_limit, key.name) == ("5/minute", "laptop")
    admin_client.post(listed, {"action": "revoke", "_selected_action": [key.pk]})
    assert ApiKey.objects.verify(plain) is None
