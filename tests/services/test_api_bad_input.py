"""Whatever somebody sends, the answer is a clean 4xx: never a 5xx, never a traceback, never a charge."""

import json
import random
import string

import pytest
from django.db import OperationalError, connection
from pydantic import BaseModel

from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount
from quickscale_credits.testing import assert_balance, fund
from quickscale_services import BaseService
from quickscale_services.models import ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.background import worked_off

RUN = "/api/services/count-words/run"

MALFORMED = {
    "nothing": b"",
    "no JSON": b"text=one",
    "cut off": b'{"text": "one"',
    "two": b'{"text": "one"} {"text": "two"}',
    "trailing comma": b'{"text": "one",}',
    "list": b'["one"]',
    "null": b"null",
    "string": b'"one"',
    "NaN": b'{"text": NaN}',
    "100 KB of garbage": b"{" * 100_000,
    "deep": b'{"text": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "wide": b"[" + b"0," * 50_000 + b"0]",
    "huge integer": b'{"text": ' + b"9" * 100_000 + b"}",
    "huge float": b'{"text": 1e99999}',
    "lone surrogate": b'{"text": "\\ud800"}',
    "raw surrogate": b'{"text": "\xed\xa0\x80"}',
    "latin-1": '{"text": "é"}'.encode("latin-1"),
    "utf-16": '{"text": "one"}'.encode("utf-16"),
    "BOM": b"\xef\xbb\xbf\x00",
    "bytes": bytes(range(256)),
    "wrong type": b'{"text": {"a": [1, null]}}',
    "unknown field": b'{"text": "one", "\\u0000": 1}',
    "too long": b'{"text": "' + b"x" * 101 + b'"}',
}
OTHER_TYPES = [
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/jsonx",
    "image/png",
    "*/*",
    "é",
    ";;;",
    "application/json/json",
]
NOWHERE = [
    "",
    "nope",
    "services/",
    "runs/",
    "runs/x",
    "docs/",
    "services/a/b/c",
    "%00",
    "a%0Ab",
    "../admin/x",
    "é",
    "x" * 5000,
]
HEADERS = [
    "Accept",
    "Accept-Language",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Expect",
    "Idempotency-Key",
    "If-None-Match",
    "Origin",
    "Prefer",
    "Range",
    "Referer",
    "User-Agent",
    "X-CSRFToken",
    "X-Forwarded-For",
]


@pytest.fixture
def ada(user):
    fund(user, 100)
    return user


@pytest.fixture
def send(client, ada, program):
    """Sends any bytes to the address of a run."""

    def post(body, content_type="application/json", **headers):
        return client.post(RUN, body, content_type=content_type, headers=program.with_key({}) | headers)

    return post


def is_problem(response, status, code):
    answered = response.headers["Content-Type"], response.status_code, response.json()["code"]
    return answered == ("application/problem+json", status, code) and b"Traceback" not in response.content


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_does_not_fit_is_invalid_input(send, ada, body):
    assert is_problem(send(body), 422, "invalid_input")
    assert not ServiceRun.objects.exists()
    assert_balance(ada, 100)


def test_characters_that_no_text_column_keeps_do_no_harm(send, ada):
    response = send(b'{"text": "one\\u0000two"}', **{"Idempotency-Key": "k"})
    assert response.status_code == 200
    assert_balance(ada, 98)


class Squared(BaseService):
    name = "squared"
    cost = 2

    class Input(BaseModel):
        number: int | float

    def execute(self, data, context):
        return data.number * data.number


@pytest.mark.parametrize("prefer", ["", "respond-async"])
@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("1e300", 200),  # its square is more than a float can be
        ("-1e300", 200),
        ("9" * 2000, 200),
        ("9" * 4000, 502),  # its square is more than JSON may be
        ("9" * 4301, 422),
        ("9" * 100_000, 422),
        ("0." + "9" * 100_000, 200),
        ("1e" + "9" * 4000, 422),
    ],
)
def test_a_number_of_any_size_is_answered_cleanly(program, ada, number, status, prefer):
    with register_temporarily(Squared):
        response = program.post("services/squared/run", f'{{"number": {number}}}', Prefer=prefer)
        if response.status_code == 202:
            response = settled(program)
    assert response.status_code == status, response.content
    json.loads(response.content, parse_constant=pytest.fail)
    assert_balance(ada, 98 if status == 200 else 100)


def settled(program):
    """What a worker made of the run: 502 if it failed."""
    run = worked_off(ServiceRun.objects.get())
    response = program.get(f"runs/{run.pk}")
    response.status_code = {"succeeded": response.status_code, "failed": 502}[run.status]
    return response


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_a_body_of_another_kind_is_unsupported(send, ada, content_type):
    assert is_problem(send(b"{}", content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;x"])
def test_json_is_json_whatever_stands_beside_it(send, ada, content_type):
    assert send(b'{"text": "one"}', content_type).status_code == 200


def test_a_body_above_the_limit_is_too_large(send, ada, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert is_problem(send(b'{"text": "' + b"x" * 1000 + b'"}'), 413, "payload_too_large")
    assert_balance(ada, 100)


@pytest.mark.parametrize("length", ["x", "-1", "", "9" * 30, "1.5"])
def test_a_length_that_is_none_is_refused(client, ada, program, length):
    body = {"data": b'{"text": "one"}', "content_type": "application/json", "CONTENT_LENGTH": length}
    assert client.post(RUN, headers=program.with_key({}), **body).status_code in (413, 422)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "trace", "head"])
def test_another_method_is_not_allowed(client, ada, program, method):
    response = getattr(client, method)(RUN, headers=program.with_key({}))
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert method == "head" or is_problem(response, 405, "method_not_allowed")


@pytest.mark.parametrize("path", NOWHERE)
def test_an_address_that_is_none_is_not_found(client, ada, program, path):
    assert is_problem(client.get(f"/api/{path}", headers=program.with_key({})), 404, "not_found")


@pytest.mark.parametrize("name", ["nope", "%00", "COUNT-WORDS", "count-words%0A", "%F0%9F%92%A9", "x" * 5000])
def test_a_service_that_is_none_is_unknown(client, ada, program, name):
    response = client.post(f"/api/services/{name}/run", {}, "application/json", headers=program.with_key({}))
    assert is_problem(response, 404, "unknown_service")


@pytest.mark.once
def test_a_thousand_variations_of_headers_are_answered_cleanly(client, ada, program):
    chance = random.Random(2026)
    letters = string.printable.translate({10: None, 13: None}) + "éÿ\x01\x7f"
    statuses = set()
    for _ in range(1000):
        value = "".join(chance.choices(letters, k=chance.choice([0, 1, 5, 50, 2000])))
        headers = program.with_key({}) | {chance.choice(HEADERS): value, chance.choice(HEADERS): value[::-1]}
        response = client.post(RUN, b'{"text": ""}', content_type="application/json", headers=headers)
        assert response.headers["Content-Type"] == "application/problem+json"
        statuses.add(response.status_code)
    assert statuses == {401, 415, 422}
    assert_balance(ada, 100)


def test_a_database_that_is_down_is_unavailable(program):
    def down(*args):
        raise OperationalError("the server closed the connection unexpectedly")

    with connection.execute_wrapper(down):
        response = program.get("account")
    assert is_problem(response, 503, "unavailable")
    assert "server closed" not in response.json()["detail"]


def test_an_account_that_is_damaged_is_unavailable_and_the_log_says_what_to_do(send, ada, caplog):
    accounts = CreditAccount.objects.for_owner(ada)
    ledger.spend(ada, 99, reason="test")
    accounts.update(balance=5)
    response = send(b'{"text": "one"}')
    assert is_problem(response, 503, "unavailable")
    assert "verify_ledger" in caplog.text
    assert not ServiceRun.objects.exists()
    accounts.update(balance=1)  # as it was, for the check after each test


def broken_resolver(request):
    raise LookupError("a secret of ours")


def test_what_is_our_fault_has_an_id_that_stands_in_the_log(client, ada, settings, caplog):
    settings.QUICKSCALE_CREDITS = {"OWNER_RESOLVER": f"{__name__}.broken_resolver"}
    client.force_login(ada)
    response = client.get("/api/account")
    assert is_problem(response, 500, "internal_error")
    assert response.json()["id"] in caplog.text
    assert "secret" not in response.content.decode()
