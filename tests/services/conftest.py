import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from quickscale_credits.testing import fund
from quickscale_services import BaseService, registry
from quickscale_services.models import ApiKey
from quickscale_services.testing import register_temporarily
from tests.services.samples import CountWords, FreeWords, Metered, Priced, doing, streaming_service
from tests.services.serving import SERVERS, Asked, Server, Servers


@pytest.fixture(autouse=True)
def samples():
    CountWords.executed.clear()
    with register_temporarily(CountWords, FreeWords, Metered, Priced):
        yield


class Program:
    """Calls the API with a key: `program.post("services/count-words/run", {"text": "one"})`."""

    def __init__(self, plain_key: str) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.plain_key = plain_key

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/{path}", headers=self.with_key(headers))

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(f"/api/{path}", body, content_type="application/json", headers=self.with_key(headers))

    def upload(self, path: str, form: dict[str, Any]) -> Any:
        return self.client.post(f"/api/{path}", form, headers=self.with_key({}))

    def with_key(self, headers: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"Bearer {self.plain_key}"} | named


@pytest.fixture
def program_of() -> Callable[..., Program]:
    """`program_of(owner, "credits:read")` is a program whose key has these scopes; all of them, if none are named."""

    def make(owner: Any, *scopes: str, **issued: Any) -> Program:
        given = scopes or ("services:run", "credits:read")
        return Program(ApiKey.objects.issue(owner, name="program", scopes=given, **issued)[1])

    return make


@pytest.fixture
def program(user: Any, program_of: Callable[..., Program]) -> Program:
    return program_of(user, user=user)


@pytest.fixture
def offer() -> Iterator[Callable[..., BaseService]]:
    """`offer(work, retries=2)` is a registered service that does this in `execute`."""
    before = registry.snapshot()

    def make(work: Callable[[Any], Any], **attributes: Any) -> BaseService:
        registry.restore(before)
        made = streaming_service if attributes.pop("stream", False) else doing
        registry.register(type(made(work, **attributes)))
        return registry["doing"]

    yield make
    registry.restore(before)


@pytest.fixture(scope="session")
def server_of(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as running:
        yield Servers(tmp_path_factory.mktemp("servers"), running)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, server_of: Servers) -> Server:
    return server_of(request.param)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """By which a test steers a service that a server runs."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def port(server: Server) -> int:
    return server.port


@pytest.fixture
def key(user: Any) -> dict[str, str]:
    fund(user, 10)
    return {"Authorization": f"Bearer {ApiKey.objects.issue(user, name='k')[1]}"}


@pytest.fixture
def begin(key: dict[str, str]) -> Iterator[Callable[..., Asked]]:
    """`begin(port, "waiting", pipe)` sends a request; no connection outlives the test."""
    asked: list[Asked] = []

    def send(port: int, service: str, pipe: Path, **headers: str) -> Asked:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asked.append(Asked(port, service, pipe, key | named))
        return asked[-1]

    yield send
    for each in asked:
        each.go_away()
