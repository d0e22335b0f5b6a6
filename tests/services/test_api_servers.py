"""Real HTTP: the API behind the servers that hosts use, in processes of their own, on the test database."""

import http.client
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.models import ApiKey, ServiceRun

pytestmark = pytest.mark.django_db(transaction=True)

START_SECONDS = 60
TEXT = {"text": "Credits are spent. Runs are charged once. Failures cost nothing at all."}
RUN = "/api/services/text-summary/run"

DEVELOPMENT = ["-m", "django", "runserver", "--noreload", "127.0.0.1:{port}"]
GUNICORN = ["-m", "gunicorn", "--workers=2", "--bind=127.0.0.1:{port}", "tests.settings.servers:wsgi"]
UVICORN = ["-m", "uvicorn", "--port={port}", "--lifespan=off", "tests.settings.servers:asgi"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def served(command, environment, log):
    """The port of a server that answers; it is stopped by its process id when the block ends."""
    port = free_port()
    arguments = [argument.format(port=port) for argument in command]
    with log.open("wb") as output:
        server = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=output, stderr=output)
    try:
        wait_until_it_answers(server, port, log)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_it_answers(server, port, log):
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return ask(port, "GET", "/api/openapi.json")
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


def ask(port, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent = None if body is None else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, sent, {"Content-Type": "application/json"} | named)
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), json.loads(response.read())
    connection.close()
    return answer


@pytest.mark.parametrize("command", [DEVELOPMENT, GUNICORN, UVICORN], ids=["runserver", "gunicorn", "uvicorn"])
def test_programs_run_services_over_real_http(user, command, database_environment, tmp_path):
    fund(user, 20)
    plain = ApiKey.objects.issue(user, name="server", scopes=["services:run", "credits:read"])[1]
    key = {"Authorization": f"Bearer {plain}"}
    with served(command, database_environment, tmp_path / "log") as port, ThreadPoolExecutor(8) as pool:
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
    assert plain not in (tmp_path / "log").read_text()


def test_a_body_that_comes_in_chunks_is_limited_as_well(user, database_environment, tmp_path):
    plain = ApiKey.objects.issue(user, name="server")[1]
    with served(UVICORN, database_environment, tmp_path / "log") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {plain}"}
        connection.request("POST", RUN, iter([b" " * 1_000_000] * 3), headers, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())["code"]) == (413, "payload_too_large")
        connection.close()
