"""Every route, and every kind of caller."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from quickscale_credits.testing import assert_balance, fund
from quickscale_services.api.routes import api
from quickscale_services.models import ApiKey, ServiceRun
from quickscale_services.testing import run_service

GET = ["services", "services/count-words", "runs", "runs/{run}", "account", "account/entries"]
POST = ["services/count-words/estimate", "services/count-words/run", "runs/{run}/cancel"]
OTHERS = {"runs/{run}": 404, "runs/{run}/cancel": 404, "services/count-words/run": 402}
ROUTES = [*(("get", path) for path in GET), *(("post", path) for path in POST)]
CREDITS = {"account", "account/entries"}


@pytest.fixture
def ada(user):
    fund(user, 100)
    return user


@pytest.fixture
def run(ada):
    return run_service("free-words", ada, text="one").run


def ask(client, method, path, run, key=None, **headers):
    body = {"data": {"text": "one"}, "content_type": "application/json"} if method == "post" else {}
    with_key = {"Authorization": f"Bearer {key}"} if key else {}
    return getattr(client, method)(f"/api/{path.format(run=run.pk)}", headers=with_key | headers, **body)


def issued(owner, *scopes, **options):
    return ApiKey.objects.issue(owner, name="k", scopes=scopes or ("services:run", "credits:read"), **options)


def test_the_matrix_has_every_route():
    routes = {path for router in api._get_bound_routers() for path in router.path_operations}
    covered = {path.replace("count-words", "{name}").replace("{run}", "{uuidstr:run_id}") for _, path in ROUTES}
    assert {route.strip("/") for route in routes} == covered


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_key_with_its_scopes_may(client, ada, run, method, path):
    assert ask(client, method, path, run, issued(ada)[1]).status_code == 200


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_working_key_it_is_one_and_the_same_401(client, ada, run, method, path, clock):
    revoked, revoked_key = issued(ada)
    revoked.revoke()
    expired_key = issued(ada, expires_at=timezone.now() + timedelta(hours=1))[1]
    known = ApiKey.objects.get(pk=revoked.pk)
    unknown_keys = [f"qs_{'0' * 16}_{'x' * 43}", f"qs_{known.public_id}_{'x' * 43}", "qs_", "x", "é", "\x00"]
    clock.shift(timedelta(hours=1))
    answers = [ask(client, method, path, run, key) for key in (None, revoked_key, expired_key, *unknown_keys)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_key_counts_in_the_header_alone(client, ada, run, method, path):
    key = issued(ada)[1]
    for name in ("key", "api_key", "token", "access_token", "Authorization"):
        assert ask(client, method, f"{path}?{name}={key}", run).status_code == 401
    assert ask(client, method, path, run, **{"X-API-Key": key}).status_code == 401


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_key_without_the_scope_is_forbidden(client, ada, run, method, path):
    scope = "services:run" if path in CREDITS else "credits:read"
    response = ask(client, method, path, run, issued(ada, scope)[1])
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_key_for_one_service_sees_and_runs_no_other(client, ada, run, method, path):
    response = ask(client, method, path, run, issued(ada, "services:run:metered")[1])
    if path in {"services", "runs"}:
        assert [item.get("service", item.get("name")) for item in response.json()["items"]] in (["metered"], [])
    else:
        assert response.status_code == (404 if path.startswith("runs/") else 403)


def test_a_key_for_one_service_runs_it(client, ada):
    key = issued(ada, "services:run:count-words")[1]
    assert ask(client, "post", "services/count-words/run", ada, key).status_code == 200
    assert len(ask(client, "get", "runs", ada, key).json()["items"]) == 1
    assert_balance(ada, 98)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_another_owner_sees_and_spends_nothing_of_ours(client, ada, run, method, path, django_user_model):
    eve = django_user_model.objects.create_user("eve")
    response = ask(client, method, path, run, issued(eve)[1])
    assert response.status_code == OTHERS.get(path, 200)
    assert str(run.pk) not in response.content.decode()
    assert_balance(ada, 100)


@pytest.mark.parametrize("caller", ["nobody", "revoked", "wrong scope", "other owner", "session without token"])
def test_who_may_not_run_may_not_stream_or_run_later(ada, caller, django_user_model):
    revoked, revoked_key = issued(ada)
    revoked.revoke()
    eve = django_user_model.objects.create_user("eve")
    browser = Client(enforce_csrf_checks=True)
    if caller == "session without token":
        browser.force_login(ada)
    keys = {"revoked": revoked_key, "wrong scope": issued(ada, "credits:read")[1], "other owner": issued(eve)[1]}
    statuses = {"nobody": 401, "revoked": 401, "other owner": 402}
    for wish in ({"Accept": "text/event-stream"}, {"Prefer": "respond-async"}):
        response = ask(browser, "post", "services/count-words/run", ada, keys.get(caller), **wish)
        assert response.status_code == statuses.get(caller, 403)
        assert response.headers["Content-Type"] == "application/problem+json"
    assert_balance(ada, 100)
    assert not ServiceRun.objects.exists()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_session_may_with_the_csrf_token_and_without_it_only_read(ada, run, method, path):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    response = ask(browser, method, path, run)
    if method == "post":
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
        token = {"X-CSRFToken": "x" * 32}
        browser.cookies["csrftoken"] = "x" * 32
        response = ask(browser, method, path, run, **token)
    assert response.status_code == 200


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_wrong_key_is_not_made_good_by_a_session(client, ada, run, method, path):
    client.force_login(ada)
    assert ask(client, method, path, run, "qs_wrong").status_code == 401


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_staff_without_credits_get_what_is_theirs_and_no_more(client, ada, run, method, path, admin_user):
    client.force_login(admin_user)
    response = ask(client, method, path, run)
    assert response.status_code == OTHERS.get(path, 200)
    assert str(run.pk) not in response.content.decode()


def test_a_key_dies_with_its_user_its_owner_or_their_login(client, ada, run, django_user_model):
    member = django_user_model.objects.create_user("grace")
    own, members = issued(ada)[1], issued(ada, user=member)[1]
    member.delete()
    assert ask(client, "get", "runs", run, members).status_code == 401
    type(ada).objects.filter(pk=ada.pk).update(is_active=False)
    assert ask(client, "get", "runs", run, own).status_code == 401
    ada.delete()
    assert ask(client, "get", "runs", run, own).status_code == 401
    assert ServiceRun.objects.filter(pk=run.pk).exists()


@pytest.mark.parametrize("path", ["openapi.json", "docs"])
def test_document_and_docs_are_public(client, db, path):
    assert client.get(f"/api/{path}").status_code == 200
