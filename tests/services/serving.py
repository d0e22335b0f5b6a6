"""Real HTTP: the servers that hosts use, in processes of their own, on the test database."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import database_url
from tests.parts import ROOT

START_SECONDS = 60

SERVERS = {
    "runserver": ["-m", "django", "runserver", "--noreload", "127.0.0.1:{port}"],
    "gunicorn": ["-m", "gunicorn", "--workers=2", "--bind=127.0.0.1:{port}", "tests.settings.servers:wsgi"],
    "uvicorn": ["-m", "uvicorn", "--port={port}", "--lifespan=off", "tests.settings.servers:asgi"],
}


@dataclass(frozen=True, kw_only=True)
class Server:
    port: int
    log: Path


@contextmanager
def serving(name, log):
    """A server with the services that tests steer, under `tests.settings.serving`."""
    chosen = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings.serving"}
    with served(SERVERS[name], os.environ | chosen | {"PYTHONPATH": str(ROOT)}, log) as port:
        yield Server(port=port, log=log)


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
        stop(server)


def stop(server):
    """Some servers wait for the requests that they have."""
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


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
