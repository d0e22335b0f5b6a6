"""Services as tools of MCP, by the protocol's own messages."""

import base64
import json
from datetime import timedelta
from random import Random
from typing import Annotated

import jsonschema_rs
import pytest
from django.test import Client
from django.utils import timezone
from pydantic import BaseModel, Field

from quickscale_credits.testing import assert_balance, fund
from quickscale_services import BaseService
from quickscale_services.files import Accept, Upload
from quickscale_services.mcp import IDEMPOTENCY_KEY
from quickscale_services.models import ApiKey, Service, ServiceRun
from quickscale_services.testing import register_temporarily
from tests.services.samples import Counted, CountWords, doing

pytestmark = [pytest.mark.once, pytest.mark.urls("tests.settings.mcp_urls")]

MCP = {"Accept": "application/json, text/event-stream"}


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


class Filed(BaseService):
    name = "filed"

    class Input(BaseModel):
        table: Annotated[Upload, Accept("text/csv", ".csv", max_size=1000)] = Field(description="What to read.")
        others: list[Upload] | None = None
        note: str = ""

    def execute(self, data, context):
        return [(file.name, file.content_type, file.read().hex()) for file in [data.table, *(data.others or [])]]


@pytest.fixture
def filed():
    with register_temporarily(Filed):
        yield


def sent(content, name="a.csv", **said):
    return {"name": name, "content": base64.b64encode(content).decode(), **said}


def test_a_file_is_sent_in_base64_and_the_tool_says_how(agent, filed):
    schema = agent.tools()["filed"]["inputSchema"]
    table, others = schema["properties"]["table"], schema["properties"]["others"]["anyOf"][0]["items"]
    assert table["description"] == "What to read. A file: text/csv or .csv, at most 1000\xa0bytes."
    assert (table["required"], table["properties"]["content"]["maxLength"]) == (["name", "content"], 1336)
    assert others["properties"]["content"]["maxLength"] == 2_617_344  # what a message has room for
    arguments = {"table": sent(b"a,b\n"), "others": [sent(b"\x00\xff", "b.bin", content_type="x/y")], "note": "n"}
    jsonschema_rs.validate(schema, arguments)
    expected = [["a.csv", "text/csv", "612c620a"], ["b.bin", "x/y", "00ff"]]
    assert agent.call("filed", **arguments)["structuredContent"]["output"] == expected


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a,b", "table: A file is expected here."),
        ([sent(b"a")], "table: A file is expected here."),
        ({"name": "a.csv"}, "table.content: Field required"),
        ({"name": "a.csv", "content": "=not base64="}, "table.content: Value error"),
        ({"name": "a.csv", "content": "ä"}, "table.content: Value error"),
        (sent(b"a", path="/etc/passwd"), "table.path: Extra inputs are not permitted"),
        (sent(b"", "a.csv"), "table: The file is empty."),
        (sent(b"a" * 1001), "table: The file has 1001\xa0bytes; at most 1000\xa0bytes are accepted."),
        (sent(b"a", "a.exe"), "table: Only these are accepted: text/csv, .csv."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(agent, filed, table, message):
    assert agent.refused("filed", table=table) == "invalid_input"
    assert message in agent.call("filed", table=table)["content"][0]["text"]


def test_files_of_the_example_services_are_read(user, agent):
    fund(user, 5)
    result = agent.call("csv-check", file=sent(b"name,age\nada,36\n"))
    assert (result["isError"], result["structuredContent"]["output"]["rows"]) == (False, 1)


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


CALL = {"name": "count-words", "arguments": {"text": "one"}}
METHODS = ["initialize", "ping", "tools/list", "tools/call", "resources/list", "prompts/list", "nothing/known", ""]


@pytest.mark.parametrize("method", METHODS)
def test_whoever_has_no_usable_key_is_turned_away_whatever_is_asked(user, client, clock, method):
    fund(user, 2)
    key, revoked = ApiKey.objects.issue(user, name="agent")
    key.revoke()
    _, expired = ApiKey.objects.issue(user, name="agent", expires_at=timezone.now() + timedelta(hours=1))
    clock.shift(timedelta(hours=1))
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": CALL}
    for headers in ({}, *({"Authorization": f"Bearer {plain}"} for plain in ("qs_x", revoked, expired))):
        response = client.post("/mcp", message, content_type="application/json", headers=MCP | headers)
        assert (response.status_code, response.json()["code"]) == (401, "unauthorized")
        assert response["WWW-Authenticate"] == "Bearer"
    assert_balance(user, 2)


@pytest.mark.parametrize("scope", ["credits:read", "services:run:free-words"])
def test_a_key_without_the_scope_neither_sees_nor_calls_a_tool(user, scope):
    fund(user, 2)
    agent = agent_of(user, scope)
    assert "count-words" not in agent.tools()
    assert agent.refused("count-words", text="one") == "forbidden"
    assert_balance(user, 2)


@pytest.mark.parametrize("key", [None, "k"])
def test_a_tool_charges_the_keys_owner_and_replays_nothing_of_another(user, django_user_model, key):
    other = django_user_model.objects.create_user("grace")
    fund(user, 2)
    assert agent_of(user).call("count-words", key, text="one")["structuredContent"]["cost"] == "2"
    assert agent_of(other).refused("count-words", key, text="one") == "insufficient_credits"
    assert ServiceRun.objects.get().account == user.credit_account


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


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data", "application/json/json", "é", ";;;"])
def test_a_body_of_another_kind_is_refused(agent, kind):
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    response = agent.client.post("/mcp", message, content_type=kind, headers=agent.headers)
    assert response.status_code in {400, 415}


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
