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
EVENTS = {"Accept": "text/event-stream"}

SERVERS = {
    "runserver": ["-m", "django", "runserver", "--noreload", "127.0.0.1:{port}"],
    "gunicorn": ["-m", "gunicorn", "--workers=2", "--bind=127.0.0.1:{port}", "tests.settings.servers:wsgi"],
    "uvicorn": ["-m", "uvicorn", "--port={port}", "--lifespan=off", "tests.settings.servers:asgi"],
}


@dataclass(frozen=True, kw_only=True)
class Server:
    process: subprocess.Popen
    port: int
    log: Path


class Servers:
    """`servers("gunicorn")` is one with the services that tests steer; it is started when it is first asked for, and
    again when a test has killed it."""

    def __init__(self, directory, running):
        self.directory, self.running = directory, running
        self.started = {}

    def __call__(self, name):
        known = self.started.get(name)
        if known is None or known.process.poll() is not None:
            chosen = {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.settings.serving"}
            environment = os.environ | chosen | {"PYTHONPATH": str(ROOT)}
            server = served(SERVERS[name], environment, self.directory / name)
            self.started[name] = self.running.enter_context(server)
        return self.started[name]


@contextmanager
def served(command, environment, log):
    """A server that answers; it is stopped by its process id when the block ends."""
    port = free_port()
    arguments = [argument.format(port=port) for argument in command]
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=output, stderr=output)
    try:
        wait_until_it_answers(process, port, log)
        yield Server(process=process, port=port, log=log)
    finally:
        stop(process)


def stop(process):
    """Some servers wait for the requests that they have."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_until_it_answers(process, port, log):
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return ask(port, "GET", "/api/openapi.json")
        except OSError:
            assert process.poll() is None, log.read_text()
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


class Asked:
    """A request whose answer is read when the test wants it, if at all."""

    def __init__(self, port, service, pipe, headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body, kind = json.dumps({"pipe": str(pipe)}), {"Content-Type": "application/json"}
        self.connection.request("POST", f"/api/services/{service}/run", body, kind | headers)
        self.response = None

    def answer(self):
        self.response = self.connection.getresponse()
        return self.response

    def go_away(self):
        self.connection.close()
        if self.response is not None:
            self.response.close()


def events(response):
    """Event by event, as they come."""
    fields = {}
    for line in response:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        fields[name] = value
        if not name:
            yield fields.get("event", "message"), json.loads(fields["data"])
            fields = {}
