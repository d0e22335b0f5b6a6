"""What people see when something is missing, forbidden or broken."""

import re

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.test import Client
from django.urls import path

from inkwell import urls


def breaks(request):
    raise RuntimeError("a detail that is nobody's business")


def forbids(request):
    raise PermissionDenied


def suspects(request):
    raise SuspiciousOperation


urlpatterns = [
    *urls.urlpatterns,
    path("breaks/", breaks),
    path("forbids/", forbids),
    path("suspects/", suspects),
]
handler400 = urls.handler400
handler500 = urls.handler500

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture
def visitor():
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


def test_a_missing_page_says_so_and_shows_a_way_on(visitor):
    response = visitor.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert 'href="/"' in response.content.decode()


def test_a_request_that_was_tampered_with_is_told_so(visitor):
    response = visitor.get("/suspects/")
    assert response.status_code == 400
    assert "This request makes no sense here" in response.content.decode()


def test_a_forbidden_page_says_so(visitor):
    response = visitor.get("/forbids/")
    assert response.status_code == 403
    assert "You may not see this page" in response.content.decode()


def test_a_form_without_its_token_is_refused_kindly(visitor):
    response = visitor.post("/accounts/login/", {"login": "ada@example.com", "password": "guess"})
    assert response.status_code == 403
    assert "This form has grown old" in response.content.decode()


def test_an_error_is_shown_by_the_id_that_stands_in_the_log(visitor, caplog):
    response = visitor.get("/breaks/")
    error_id = re.search(r"<code>(\w{8})</code>", response.content.decode())[1]
    assert response.status_code == 500
    assert "nobody's business" not in response.content.decode()
    assert error_id in caplog.text
    assert "nobody's business" in caplog.text


def test_an_error_is_told_in_the_language_of_whoever_sees_it_where_a_form_stood(visitor):
    page = visitor.get("/breaks/", headers={"accept-language": "es"}).content.decode()
    assert '<html lang="es">' in page
    assert '<main id="content"' in page


def test_error_pages_have_the_strict_policy_too(visitor):
    for address in ["/nowhere/", "/forbids/", "/suspects/", "/breaks/"]:
        assert "default-src 'self';" in visitor.get(address).headers["Content-Security-Policy"]
