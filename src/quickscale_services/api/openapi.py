"""The document that clients are generated from: each service has addresses and schemas of its own in it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from quickscale_services.api.background import RESPOND_ASYNC
from quickscale_services.api.bodies import FORM, JSON
from quickscale_services.api.errors import ANSWERS, PROBLEM_JSON
from quickscale_services.api.routes import api
from quickscale_services.api.schemas import Accepted, Estimate, Problem, Result, ServiceSummary
from quickscale_services.base import BaseService
from quickscale_services.events import EVENT_STREAM
from quickscale_services.input_shapes import file_fields
from quickscale_services.models import Service
from quickscale_services.registry import registry

Json = dict[str, Any]

COMPONENTS = "#/components/schemas/"
SECURITY: list[Json] = [{"KeyOrSession": []}]
# Any address may answer with these; the others belong to some.
ALWAYS = (401, 403, 429, 500, 503)
READING = (404, 422)
ESTIMATING = (404, 413, 415, 422, 502)
RUNNING = (402, *ESTIMATING, 409, 504)

IDEMPOTENCY_KEY: Json = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "The same key with the same input answers the first run again: a retry with it is safe.",
    "schema": {"type": "string", "maxLength": 255},
}
EVENTS = (
    "Server-sent events, each with JSON as its data: one for each piece of the output, then `result` (run, cost, "
    "balance), or `error` (a Problem) where something goes wrong after the first piece."
)
PREFER: Json = {
    "in": "header",
    "name": "Prefer",
    "required": False,
    "description": "`respond-async` does not wait for the result: the answer says where to look for it.",
    "schema": {"type": "string", "enum": [RESPOND_ASYNC]},
}
REPLAYED: Json = {
    "description": "`true` where the first run with this key is answered again.",
    "schema": {"type": "string", "enum": ["true"]},
}


def document(prefix: str) -> Json:
    """As the API stands now, below the address `prefix`."""
    found: Json = dict(api.get_openapi_schema(path_prefix=prefix))
    found.pop("servers")
    schemas = found["components"]["schemas"]
    for model in (Problem, Accepted, Estimate, Result):
        _add_model(schemas, model)
    for path in found["paths"].values():
        for operation in path.values():
            operation["responses"].update(_problems(READING))
    for service, switch in offered():
        _add_service(found["paths"], schemas, prefix, service, switch)
    return found


def offered() -> list[tuple[BaseService, Service]]:
    """The services that are switched on."""
    switches = {switch.name: switch for switch in Service.objects.all()}
    every = [(service, switches.get(name, Service(name=name))) for name, service in registry.items()]
    return [(service, switch) for service, switch in every if switch.is_active]


def _add_service(paths: Json, schemas: Json, prefix: str, service: BaseService, switch: Service) -> None:
    schemas[f"{service.name}.Input"] = closed(_schema(schemas, service, "Input"))
    output: Json = {"description": "Any JSON."}
    if service.Output is not None:
        schemas[f"{service.name}.Output"] = _schema(schemas, service, "Output")
        output = {"$ref": f"{COMPONENTS}{service.name}.Output"}
    address = f"{prefix}services/{service.name}"
    paths[f"{address}/estimate"] = {"post": _estimate(service, switch)}
    paths[f"{address}/run"] = {"post": _run(service, switch, output)}


def _schema(schemas: Json, service: BaseService, part: str) -> Json:
    """The schema of `Input` or `Output`; what it refers to stands beside it, under the service's name."""
    model: type[BaseModel] = getattr(service, part)
    prefix = f"{service.name}.{part}."
    mode: Any = "validation" if part == "Input" else "serialization"
    schema = model.model_json_schema(ref_template=f"{COMPONENTS}{prefix}{{model}}", mode=mode)
    for name, inner in schema.pop("$defs", {}).items():
        schemas[f"{prefix}{name}"] = closed(inner) if part == "Input" else inner
    return schema


def _estimate(service: BaseService, switch: Service) -> Json:
    answer = {"description": "What it would cost at most.", "content": {JSON: {"schema": _named("Estimate")}}}
    return {
        **_common(service, switch),
        "operationId": f"estimate_{service.name}",
        "summary": f"{service}: estimate",
        "responses": {"200": answer, **_problems(ESTIMATING)},
    }


def _run(service: BaseService, switch: Service, output: Json) -> Json:
    whole = {"type": "array", "items": output} if service.stream else output
    schema = {"allOf": [_named("Result"), {"type": "object", "properties": {"output": _or_null(whole)}}]}
    answer = {
        "description": "It is done, and charged.",
        "headers": {"Idempotent-Replayed": REPLAYED},
        "content": {JSON: {"schema": schema}, EVENT_STREAM: {"schema": {"type": "string", "description": EVENTS}}},
    }
    return {
        **_common(service, switch),
        "operationId": f"run_{service.name}",
        "summary": str(service),
        "parameters": [IDEMPOTENCY_KEY, PREFER],
        "responses": {"200": answer, "202": _accepted(), **_problems(RUNNING)},
    }


def _accepted() -> Json:
    text: Json = {"schema": {"type": "string"}}
    return {
        "description": "It waits for a worker, its credits held.",
        "headers": {
            "Location": {"description": "Where the run is to be seen.", **text},
            "Preference-Applied": {"description": RESPOND_ASYNC, **text},
            "Idempotent-Replayed": REPLAYED,
        },
        "content": {JSON: {"schema": _named("Accepted")}},
    }


def _common(service: BaseService, switch: Service) -> Json:
    summary = ServiceSummary.of(service, switch)
    return {
        "description": " ".join(filter(None, (summary.description, f"Price: {summary.price}."))),
        "tags": [service.name],
        "security": SECURITY,
        "requestBody": {"required": True, "content": _content(service)},
        "x-cost": summary.cost,
        "x-price": summary.price,
    }


def _content(service: BaseService) -> Json:
    body = {"schema": _named(f"{service.name}.Input")}
    files = file_fields(service)
    if not files:
        return {JSON: body}
    needs_file = not files.keys().isdisjoint(service.Input.model_json_schema().get("required", []))
    return {FORM: body} if needs_file else {FORM: body, JSON: body}


def _or_null(output: Json) -> Json:
    """A replay has no output once that is no longer kept."""
    return {"anyOf": [output, {"type": "null"}]} if "$ref" in output or "type" in output else output


def _problems(statuses: tuple[int, ...]) -> Json:
    return {str(status): _problem(status) for status in sorted({*statuses, *ALWAYS})}


def _problem(status: int) -> Json:
    codes = dict.fromkeys(code for known, code in ANSWERS.values() if known == status)
    answer: Json = {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(codes)}",
        "content": {PROBLEM_JSON: {"schema": _named("Problem")}},
    }
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        answer["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
    return answer


def _add_model(schemas: Json, model: type[BaseModel]) -> None:
    schema = model.model_json_schema(ref_template=COMPONENTS + "{model}", mode="serialization")
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema


def _named(name: str) -> Json:
    return {"$ref": f"{COMPONENTS}{name}"}


def closed(schema: Any) -> Any:
    """Unknown fields are refused at every depth, whatever the model says."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    deeper = {"items", "prefixItems", "anyOf", "oneOf", "allOf", "additionalProperties"}
    found = {name: closed(value) if name in deeper else value for name, value in schema.items()}
    if "properties" in schema:
        properties = {name: closed(inner) for name, inner in schema["properties"].items()}
        found |= {"properties": properties, "additionalProperties": False}
    return found
