"""The API behind the servers that hosts use."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.models import ApiKey, ServiceRun
from tests.services.serving import ask

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = {"text": "Credits are spent. Runs are charged once. Failures cost nothing at all."}
RUN = "/api/services/text-summary/run"


def test_programs_run_services_over_real_http(user, server):
    fund(user, 20)
    plain = ApiKey.objects.issue(user, name="server", scopes=["services:run", "credits:read"])[1]
    key = {"Authorization": f"Bearer {plain}"}
    port = server.port
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(port, "POST", RUN, TEXT, Idempotency_Key="k", **key), range(8)))
        others = list(pool.map(lambda _: ask(port, "POST", RUN, TEXT, **key), range(12)))
        account = ask(port, "GET", "/api/account", **key)[2]
        refused = [ask(port, "POST", RUN, TEXT)[0], ask(port, "GET", "/api/nope")[0], ask(port, "PUT", RUN)[0]]
    assert {status for status, _, _ in answers} <= {200, 409}
    assert len({answer["run"]["id"] for status, _, answer in answers if status == 200}) == 1
    assert sorted(status for status, _, _ in others) == [200] * 9 + [402] * 3
    assert (account["total"], refused) == ("0", [401, 404, 405])
    assert ServiceRun.objects.filter(status="succeeded").count() == 10
    assert_balance(user, 0)
    assert ledger.verify().ok
    assert plain not in server.log.read_text()


def test_a_body_that_comes_in_chunks_is_limited_as_well(user, server_of):
    plain = ApiKey.objects.issue(user, name="server")[1]
    connection = http.client.HTTPConnection("127.0.0.1", server_of("uvicorn").port, timeout=60)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {plain}"}
    connection.request("POST", RUN, iter([b" " * 1_000_000] * 3), headers, encode_chunked=True)
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (413, "payload_too_large")
    connection.close()
