import html
import json
import re

import pytest
from django.test import Client

from quickscale_credits.testing import assert_balance, fund
from quickscale_services.models import Service
from quickscale_services.testing import register_temporarily
from tests.services.samples import doing
from tests.services.test_api_fuzzing import Shapes, Sized

pytestmark = pytest.mark.once


@pytest.fixture
def document(client, db):
    def read():
        return client.get("/api/openapi.json").json()

    return read


def resolved(document, schema):
    name = schema.get("$ref", "").removeprefix("#/components/schemas/")
    return document["components"]["schemas"][name] if name else schema


def body_of(document, service, verb="run", kind="application/json"):
    content = document["paths"][f"/api/services/{service}/{verb}"]["post"]["requestBody"]["content"]
    return resolved(document, content[kind]["schema"])


def test_each_service_has_addresses_with_its_own_input(document):
    told = document()
    for verb in ("run", "estimate"):
        assert body_of(told, "count-words", verb)["required"] == ["text"]
        assert set(body_of(told, "metered", verb)["properties"]) == {"charges"}


def test_each_service_has_its_own_output_and_price(document):
    told = document()
    operation = told["paths"]["/api/services/count-words/run"]["post"]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["allOf"][1]
    output = resolved(told, answer["properties"]["output"]["anyOf"][0])
    assert output["properties"]["words"]["type"] == "integer"
    assert (operation["x-cost"], operation["x-price"]) == ("2", "2 credits")


def test_the_document_follows_what_the_admin_sets(document):
    Service.objects.update_or_create(name="count-words", defaults={"cost_override": 7})
    Service.objects.update_or_create(name="metered", defaults={"is_active": False})
    told = document()
    assert told["paths"]["/api/services/count-words/run"]["post"]["x-cost"] == "7"
    assert "/api/services/metered/run" not in told["paths"]


def test_unknown_fields_are_refused_in_the_document_too(document):
    with register_temporarily(Shapes):
        told = document()
    assert body_of(told, "shapes")["additionalProperties"] is False
    assert told["components"]["schemas"]["shapes.Input.Tree"]["additionalProperties"] is False
    assert body_of(told, "shapes")["properties"]["notes"]["additionalProperties"] == {"type": "integer"}


def test_a_service_with_a_file_takes_a_form_only(document):
    with register_temporarily(Sized):
        told = document()
    content = told["paths"]["/api/services/sized/run"]["post"]["requestBody"]["content"]
    assert set(content) == {"multipart/form-data"}
    file = body_of(told, "sized", kind="multipart/form-data")["properties"]["file"]
    assert (file["type"], file["format"]) == ("string", "binary")


def test_every_reference_leads_somewhere_and_every_operation_has_its_own_id(document):
    with register_temporarily(Shapes, Sized):
        told = document()
    references = set(re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(told)))
    operations = [operation for path in told["paths"].values() for operation in path.values()]
    assert references <= set(told["components"]["schemas"])
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["security"] for operation in operations)


def test_the_page_explains_each_service_with_an_example(client, db):
    page = client.get("/api/docs").content.decode()
    assert "Count words" in page
    assert "curl http://testserver/api/services/count-words/run" in page
    assert "1 or more characters, at most 100 characters" in page
    assert "insufficient_credits" in page


def test_the_example_of_a_page_is_a_request_that_works(client, user, program):
    fund(user, 5)
    page = html.unescape(client.get("/api/docs").content.decode())
    body = re.search(r"services/count-words/run.*?-d '([^']+)'", page, re.DOTALL)[1]
    assert program.post("services/count-words/run", json.loads(body)).status_code == 200
    assert "-F picture=@file" in page
    assert "-F file=@file" in page
    assert_balance(user, 3)


def test_the_page_has_no_inline_script_and_needs_no_other_site(client, db):
    page = client.get("/api/docs").content.decode()
    assert not re.search(r"<style|style=|<script(?! src=)|\son[a-z]+=|https?://(?!testserver)", page)


def test_what_a_service_says_is_escaped(client, db):
    with register_temporarily(type(doing(None, title="<b>x", description="<script>y"))):
        page = client.get("/api/docs").content.decode()
    assert "<b>x" not in page
    assert "<script>" not in page


def test_the_document_knows_where_it_was_mounted(db):
    told = Client(SCRIPT_NAME="/shop").get("/api/openapi.json").json()
    assert "/shop/api/services/count-words/run" in told["paths"]
