"""Services as tools of MCP: by the protocol's own messages, and by the official client over real HTTP."""

import asyncio
import http.client
import json
import time
from contextlib import asynccontextmanager
from random import Random

import httpx2
import jsonschema_rs
import pytest
from django.test import Client
from mcp.client import Client as McpClient
from mcp.client.streamable_http import streamable_http_client
from pydantic import BaseModel

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.mcp import IDEMPOTENCY_KEY
from quickscale_services.models import ApiKey, Service, ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.samples import Counted, CountWords, doing
from tests.services.test_api_servers import served

pytestmark = [pytest.mark.once, pytest.mark.urls("tests.settings.mcp_urls")]

MCP = {"Accept": "application/json, text/event-stream"}
UVICORN = ["-m", "uvicorn", "--port={port}", "--lifespan=off", "tests.settings.servers:asgi"]
TEXT = {"text": "Credits are spent. Runs are charged once. Failures cost nothing at all."}


class Agent:
    """Speaks MCP with a key: `agent.call("count-words", text="one")`."""

    def __init__(self, plain_key):
        self.client = Client(enforce_csrf_checks=True)
        self.headers = MCP | {"Authorization": f"Bearer {plain_key}"}

    def post(self, body, **headers):
        return self.client.post("/mcp", body, content_type="application/json", headers=self.headers | headers)

    def ask(self, method, **params):
        response = self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert response.status_code == 200, response.content
        return response.json()["result"]

    def tools(self):
        return {tool["name"]: tool for tool in self.ask("tools/list")["tools"]}

    def call(self, name, key=None, **arguments):
        meta = {"_meta": {IDEMPOTENCY_KEY: key}} if key else {}
        return self.ask("tools/call", name=name, arguments=arguments, **meta)

    def refused(self, name, key=None, **arguments):
        """The code with which the call is refused."""
        result = self.call(name, key, **arguments)
        assert result["isError"], result
        assert result["content"][0]["text"].startswith(f"{result['structuredContent']['code']}: ")
        return result["structuredContent"]["code"]


def agent_of(owner, *scopes, **issued):
    scopes = scopes or ("services:run",)
    return Agent(ApiKey.objects.issue(owner, name="agent", scopes=scopes, **issued)[1])


@pytest.fixture
def agent(user):
    return agent_of(user, user=user)


def test_a_tool_says_what_it_takes_gives_and_costs(agent):
    tool = agent.tools()["count-words"]
    assert (tool["title"], tool["description"]) == ("Count words", "Price: 2 credits.")
    assert tool["inputSchema"]["required"] == ["text"]
    assert tool["inputSchema"]["additionalProperties"] is False
    output = tool["outputSchema"]["properties"]["output"]["anyOf"][0]
    assert list(output["properties"]) == ["words"]


def test_only_what_is_switched_on_and_the_key_may_run_is_a_tool(user):
    Service.objects.update_or_create(name="free-words", defaults={"is_active": False})
    assert "free-words" not in agent_of(user).tools()
    assert set(agent_of(user, "services:run:count-words", "services:run:free-words").tools()) == {"count-words"}
    assert agent_of(user, "credits:read").tools() == {}


def test_what_needs_a_file_is_no_tool(agent):
    tools = agent.tools()
    assert "picture-details" not in tools
    assert "file" not in tools["csv-check"]["inputSchema"]["properties"]


def test_a_call_is_a_run_that_is_charged(user, agent):
    fund(user, 5)
    result = agent.call("count-words", text="one two")
    run = ServiceRun.objects.get()
    told = result["structuredContent"]
    assert (result["isError"], told["output"], told["cost"], told["balance"]) == (False, {"words": 2}, "2", "3")
    assert told["run"]["id"] == str(run.pk)
    assert json.loads(result["content"][0]["text"]) == told
    assert (run.actor, run.api_key, run.entry.amount) == (str(user.pk), ApiKey.objects.get(), -2)
    assert_balance(user, 3)


def test_the_same_key_executes_once(user, agent):
    fund(user, 5)
    first, second = (agent.call("count-words", "k", text="one") for _ in range(2))
    assert first["structuredContent"]["run"]["id"] == second["structuredContent"]["run"]["id"]
    assert CountWords.executed == ["one"]
    assert agent.refused("count-words", "k", text="two") == "idempotency_conflict"
    assert_balance(user, 3)


@pytest.mark.parametrize("key", ["qs:mine", "x" * 256, 7, ["k"]])
def test_a_key_that_cannot_be_one_is_refused(user, agent, key):
    fund(user, 5)
    assert agent.refused("count-words", key, text="one") == "invalid_input"
    assert_balance(user, 5)


def test_refusals_are_errors_of_the_tool_with_their_code(user, agent):
    assert agent.refused("count-words", text="one") == "insufficient_credits"
    assert agent.refused("count-words", text="") == "invalid_input"
    assert agent.refused("count-words", text="one", owner=1) == "invalid_input"
    assert agent.refused("nope") == "unknown_service"
    assert agent_of(user, "services:run:free-words").refused("count-words", text="one") == "forbidden"
    Service.objects.update_or_create(name="count-words", defaults={"is_active": False})
    assert agent.refused("count-words", text="one") == "service_disabled"
    assert ServiceRun.objects.count() == 0


def test_what_was_wrong_with_the_input_is_said_in_words(agent):
    said = agent.call("count-words", text="")["content"][0]["text"]
    assert said == "invalid_input: The input does not fit. text: String should have at least 1 character"


def test_a_failure_is_not_charged_and_gives_nothing_away(user, agent):
    def fail(context):
        raise ValueError("secret")

    fund(user, 5)
    with register_temporarily(type(doing(fail, name="failing"))):
        result = agent.call("failing")
    assert result["structuredContent"]["code"] == "service_failed"
    assert result["structuredContent"]["run_id"] == str(ServiceRun.objects.get().pk)
    assert "secret" not in json.dumps(result)
    assert_balance(user, 5)


def test_a_stream_gives_its_pieces_together(user, agent):
    class Counting(CountWords):
        name = "counting"
        stream = True
        Output = None

        def execute(self, data, context):
            yield from data.text.split()

    fund(user, 5)
    with register_temporarily(Counting):
        assert agent.call("counting", text="one two")["structuredContent"]["output"] == ["one", "two"]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_fits_the_schema_of_its_tool(user, agent, streamed):
    class Told(BaseModel):
        counts: list[Counted]

    told = {"counts": [{"words": 1}]}
    service = doing(lambda context: iter([told, told]) if streamed else told, Output=Told, stream=streamed)
    fund(user, 2)
    with register_temporarily(type(service)):
        schema = agent.tools()["doing"]["outputSchema"]
        jsonschema_rs.validate(schema, agent.call("doing")["structuredContent"])


def test_whoever_has_no_usable_key_is_turned_away(user, client):
    key, plain = ApiKey.objects.issue(user, name="agent")
    key.revoke()
    for headers in ({}, {"Authorization": "Bearer qs_x"}, {"Authorization": f"Bearer {plain}"}):
        response = client.post("/mcp", {}, content_type="application/json", headers=MCP | headers)
        assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
        assert response["WWW-Authenticate"] == "Bearer"


def test_a_session_is_no_key(user, client):
    client.force_login(user)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert client.post("/mcp", message, content_type="application/json", headers=MCP).status_code == 401


def test_the_rate_limit_of_a_key_holds(agent, clock):
    ApiKey.objects.update(rate_limit="1/minute")
    agent.tools()
    response = agent.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert (response.status_code, response["Retry-After"]) == (429, "60")


@pytest.mark.parametrize("method", ["get", "put", "delete", "options", "head"])
def test_only_posting_is_offered(client, method):
    response = getattr(client, method)("/mcp")
    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 422),
        (b"[]", 422),
        (b"[" * 100_000, 422),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 422),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": {"a": 1e999}}}', 422),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "x\\ud800"}}', 422),
        (b'{"jsonrpc": "1.0"}', 400),
        (b" " * 2_700_000, 413),
    ],
)
def test_what_is_no_message_is_a_clean_refusal(agent, body, status):
    assert agent.post(body).status_code == status


METHODS = ["tools/list", "tools/call", "initialize", "ping", "server/discover", "subscriptions/listen", "nope", "", 7]
PARAMS = [None, 1, "x", [], {"_meta": []}, {"cursor": "x"}, {"name": "nope"}, {"name": "count-words", "arguments": {}}]
VERSIONS = ["2026-07-28", "2025-06-18", "2024-11-05", "x", ""]


def any_message(random):
    """A message with something wrong or missing, more often than not."""
    message = {"jsonrpc": random.choice(["2.0", "2.0", "1.0"]), "id": random.choice([1, "a", None, [], 10**30])}
    message |= {"method": random.choice(METHODS), "params": random.choice(PARAMS)}
    headers = {"MCP-Protocol-Version": random.choice(VERSIONS), "Accept": random.choice([MCP["Accept"], "text/html"])}
    return {name: value for name, value in message.items() if random.random() < 0.9}, headers


def test_no_message_and_no_header_brings_it_down(agent):
    random = Random(7)
    for _ in range(200):
        message, headers = any_message(random)
        response = agent.post(message, **headers)
        assert response.status_code < 500, (message, headers)
        assert b"-32603" not in response.content, (message, headers)  # the protocol's internal error


@pytest.mark.parametrize(
    "params", [{}, {"name": 7}, {"name": "count-words", "arguments": []}, {"name": "count-words", "arguments": "x"}]
)
def test_a_call_without_sense_is_an_error_of_the_protocol(agent, params):
    answer = agent.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).json()
    assert answer["error"]["code"] == -32602


def test_an_address_behind_atomic_requests_is_left_out_of_the_transaction(user, agent, settings):
    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True
    fund(user, 2)
    assert agent.call("count-words", text="one")["structuredContent"]["cost"] == "2"


@asynccontextmanager
async def official_client(port, plain_key, mode):
    headers = {"Authorization": f"Bearer {plain_key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http_client:
        transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http_client)
        async with McpClient(transport, mode=mode) as client:
            yield client


async def drive(port, plain_key, mode):
    async with official_client(port, plain_key, mode) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        keyed = {IDEMPOTENCY_KEY: f"official-{mode}"}
        same = [await client.call_tool("text-summary", TEXT, meta=keyed) for _ in range(2)]
        many = await asyncio.gather(*(client.call_tool("text-summary", TEXT) for _ in range(5)))
    return tools, same, many


@pytest.mark.django_db(transaction=True)
def test_the_official_client_lists_and_calls_tools_over_http(user, database_environment, tmp_path):
    plain = ApiKey.objects.issue(user, name="official", scopes=["services:run:text-summary"])[1]
    environment = database_environment | {"DJANGO_SETTINGS_MODULE": "tests.settings.mcp"}
    with served(UVICORN, environment, tmp_path / "log") as port:
        for mode in ("auto", "legacy"):  # without a handshake, and with the one of earlier versions
            fund(user, 8)
            assert_paid_for(*asyncio.run(drive(port, plain, mode)))
            assert_balance(user, 0)
    assert plain not in (tmp_path / "log").read_text()


def assert_paid_for(tools, same, many):
    """Two calls with one key are one run; of five others, three can be paid."""
    assert tools == {"text-summary"}
    assert len({result.structured_content["run"]["id"] for result in same}) == 1
    assert same[0].structured_content["output"]["sentences_in_text"] == 3
    assert sorted(result.is_error for result in many) == [False] * 3 + [True] * 2
    assert {result.structured_content.get("code") for result in many} == {None, "insufficient_credits"}


SLOW = """
import asyncio
from quickscale_services import BaseService, register_service


@register_service
class Slow(BaseService):
    name, title, cost = "slow", "Slow", 2

    async def execute(self, data, context):
        await asyncio.sleep(60)


from tests.settings.servers import asgi
"""


@pytest.mark.django_db(transaction=True)
def test_nothing_is_charged_to_a_client_that_goes_away(user, database_environment, tmp_path):
    (tmp_path / "slow_server.py").write_text(SLOW)
    fund(user, 2)
    plain = ApiKey.objects.issue(user, name="hasty")[1]
    path = f"{tmp_path}:{database_environment['PYTHONPATH']}"
    environment = database_environment | {"DJANGO_SETTINGS_MODULE": "tests.settings.mcp", "PYTHONPATH": path}
    command = ["-m", "uvicorn", "--port={port}", "--lifespan=off", "slow_server:asgi"]
    with served(command, environment, tmp_path / "log") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "slow", "arguments": {}}}
        headers = MCP | {"Authorization": f"Bearer {plain}", "Content-Type": "application/json"}
        connection.request("POST", "/mcp", json.dumps(message), headers)
        wait_for(lambda: ServiceRun.objects.filter(status="running").exists())
        connection.close()
        wait_for(lambda: ServiceRun.objects.filter(status="failed").exists())
    assert ledger.balance(user).available == 2


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
