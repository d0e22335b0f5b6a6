"""Services as tools of MCP: the official client, over real HTTP."""

import asyncio
import base64
import http.client
import json
import time
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import httpx2
import jsonschema_rs
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from quickscale_credits import ledger
from quickscale_credits.testing import assert_balance, fund
from quickscale_services.mcp import IDEMPOTENCY_KEY
from quickscale_services.models import ApiKey, ServiceRun

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

TEXT = {"text": "Credits are spent. Runs are charged once. Failures cost nothing at all."}
# Without a handshake, and with the one of earlier versions.
MODES = ["auto", "legacy"]
CSV = b"name,age\nada,36\n"


@pytest.fixture
def uvicorn(server_of):
    return server_of("uvicorn")


@pytest.fixture
def plain_key(user):
    return ApiKey.objects.issue(user, name="official")[1]


@asynccontextmanager
async def official_client(port, plain_key, mode):
    headers = {"Authorization": f"Bearer {plain_key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http_client:
        transport = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http_client)
        async with Client(transport, mode=mode) as client:
            yield client


async def drive(port, plain_key, mode):
    async with official_client(port, plain_key, mode) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        keyed = {IDEMPOTENCY_KEY: f"official-{mode}"}
        same = [await client.call_tool("text-summary", TEXT, meta=keyed) for _ in range(2)]
        many = await asyncio.gather(*(client.call_tool("text-summary", TEXT) for _ in range(5)))
    return tools, same, many


@pytest.mark.parametrize("mode", MODES)
def test_the_official_client_lists_and_calls_tools(user, uvicorn, mode):
    plain = ApiKey.objects.issue(user, name="official", scopes=["services:run:text-summary"])[1]
    fund(user, 8)
    assert_paid_for(*asyncio.run(drive(uvicorn.port, plain, mode)))
    assert_balance(user, 0)
    assert plain not in uvicorn.log.read_text()


def assert_paid_for(tools, same, many):
    """Two calls with one key are one run; of five others, three can be paid."""
    assert tools == {"text-summary"}
    assert len({result.structured_content["run"]["id"] for result in same}) == 1
    assert same[0].structured_content["output"]["sentences_in_text"] == 3
    assert sorted(result.is_error for result in many) == [False] * 3 + [True] * 2
    assert {result.structured_content.get("code") for result in many} == {None, "insufficient_credits"}


async def call(server, plain_key, mode, name, arguments, **options):
    async with official_client(server.port, plain_key, mode) as client:
        return await client.call_tool(name, arguments, **options)


def test_the_official_client_sends_a_file(user, uvicorn, plain_key):
    fund(user, 5)
    file = {"name": "people.csv", "content": base64.b64encode(CSV).decode()}
    result = asyncio.run(call(uvicorn, plain_key, "auto", "csv-check", {"file": file}))
    assert (result.is_error, result.structured_content["output"]["rows"]) == (False, 1)


STOCK = {
    "shelf": {
        "label": "left",
        "items": [{"name": "cup", "count": 3}],
        "shelves": [{"label": "above", "items": [{"name": "bowl", "count": 5}]}],
    },
    "by_name": {"plate": {"name": "plate"}},
}


async def take_stock(port, plain_key, mode, *stocks):
    async with official_client(port, plain_key, mode) as client:
        (tool,) = [tool for tool in (await client.list_tools()).tools if tool.name == "stock-taking"]
        return tool, [await client.call_tool("stock-taking", stock) for stock in stocks]


@pytest.mark.parametrize("mode", MODES)
def test_models_in_models_are_told_taken_and_given(user, uvicorn, plain_key, mode):
    fund(user, 3)
    wrong = {**STOCK, "by_name": {"plate": {"name": "plate", "count": 0, "color": "red"}}}
    tool, (taken, refused) = asyncio.run(take_stock(uvicorn.port, plain_key, mode, STOCK, wrong))
    accepts = jsonschema_rs.validator_for(tool.input_schema).is_valid
    assert (accepts(STOCK), accepts(wrong)) == (True, False)
    output = taken.structured_content["output"]
    assert (output["items"], output["largest"]) == (9, {"name": "bowl", "count": 5})
    assert output["shelf"]["shelves"][0]["label"] == "above"
    jsonschema_rs.validate(tool.output_schema, taken.structured_content)
    assert refused.is_error
    assert "by_name.plate.count: Input should be greater than or equal to 1" in refused.content[0].text
    assert "by_name.plate.color: Extra inputs are not permitted" in refused.content[0].text
    assert_balance(user, 1)


class Steering:
    """Tells the service the next line only when it has heard of the one before: what comes late comes never."""

    def __init__(self, pipe):
        self.pipe, self.lines = pipe, []
        self.told = None
        self.heard = []

    async def hear(self, progress, total, message):
        if (progress, total) == (0, None):
            return  # the run is about to begin
        self.heard.append((progress, total, message))
        if self.told is None:
            self.told = await asyncio.to_thread(self.pipe.open, "w", buffering=1)  # opens when the service reads
        if self.lines:
            self.told.write(self.lines.pop(0))
        else:
            self.told.close()


@pytest.fixture
def steered(uvicorn, plain_key, user, pipe):
    """`steered("auto", "telling", "one", "two")` gives what was heard of the run, and its result."""
    fund(user, 2)
    steering = Steering(pipe)

    def run(mode, service, *lines):
        steering.lines = [f"{line}\n" for line in lines]
        given = call(uvicorn, plain_key, mode, service, {"pipe": str(pipe)}, progress_callback=steering.hear)
        return steering.heard, asyncio.run(given)

    yield run
    steering.told.close()


@pytest.mark.parametrize("mode", MODES)
def test_progress_arrives_while_the_run_is_at_work(steered, mode):
    heard, result = steered(mode, "advancing", "0.5\n0.2", 1)
    assert heard == [(0.1, 1.0, "begun"), (0.5, 1.0, "at 0.5"), (1.0, 1.0, "at 1")]
    assert (result.structured_content["output"], result.structured_content["cost"]) == ("done", "2")


@pytest.mark.parametrize(("mode", "service"), [("auto", "telling"), ("auto", "telling-later"), ("legacy", "telling")])
def test_pieces_of_a_stream_arrive_one_by_one(user, steered, mode, service):
    heard, result = steered(mode, service, "one", "two")
    output = result.structured_content["output"]
    assert heard == [(1, None, str(output[0])), (2, None, "one\n"), (3, None, "two\n")]
    assert_balance(user, "1.5")


def test_a_run_that_fails_midway_is_an_error_of_the_tool_and_costs_nothing(user, steered):
    _, result = steered("auto", "telling", "fail")
    assert (result.is_error, result.structured_content["code"]) == (True, "service_failed")
    assert_balance(user, 2)


def test_without_asking_for_progress_the_answer_is_json(user, uvicorn, plain_key):
    fund(user, 2)
    asked = request(uvicorn, plain_key, "text-summary", TEXT)
    response = asked.getresponse()
    assert (response.headers["Content-Type"], json.load(response)["result"]["isError"]) == ("application/json", False)
    asked.close()


def request(server, plain_key, name, arguments, **meta):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    params = {"name": name, "arguments": arguments, "_meta": meta}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    connection.request("POST", "/mcp", json.dumps(message), headers | {"Authorization": f"Bearer {plain_key}"})
    return connection


def test_nothing_is_charged_to_a_client_that_goes_away_with_nothing(user, uvicorn, plain_key, pipe):
    fund(user, 2)
    connection = request(uvicorn, plain_key, "telling-later", {"pipe": str(pipe)})
    with pipe.open("w"):  # opens as soon as the service reads
        connection.close()
        wait_for(lambda: ServiceRun.objects.get().status == "failed")
    assert ledger.balance(user).available == 2


@pytest.mark.parametrize("service", ["telling", "telling-later"])
def test_a_client_that_goes_away_with_pieces_of_a_stream_pays_what_was_charged(user, uvicorn, plain_key, pipe, service):
    fund(user, 2)
    connection = request(uvicorn, plain_key, service, {"pipe": str(pipe)}, progressToken="p")
    response = connection.getresponse()
    told = (json.loads(line[5:]) for line in response if line.startswith(b"data:") and b"progress" in line)
    assert next(given for given in told if given["params"]["progress"] == 1)
    with suppress(BrokenPipeError), pipe.open("w", buffering=1) as told:
        response.close()
        connection.close()
        wait_for(lambda: has_ended_though_told_more(told))
    run = ServiceRun.objects.get()
    assert (run.status, run.error_code, run.cost) == ("succeeded", "disconnected", Decimal("0.5"))
    assert_balance(user, "1.5")


def has_ended_though_told_more(told):
    with suppress(BrokenPipeError):
        told.write("more\n")
    return ServiceRun.objects.get().has_ended


def test_a_piece_after_the_whole_of_the_progress_is_told_as_well(steered):
    heard, _ = steered("auto", "reading-first", "one")
    assert heard == [(1.0, 1.0, "read"), (2, None, "one\n")]


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
