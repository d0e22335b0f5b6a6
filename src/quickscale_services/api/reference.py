"""The document once more, for people: what the docs page shows."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.template.defaultfilters import filesizeformat

from quickscale_services.api.errors import ANSWERS
from quickscale_services.api.openapi import offered
from quickscale_services.base import BaseService
from quickscale_services.input_shapes import file_fields, variants_by_field
from quickscale_services.models import Service
from quickscale_services.pricing.labels import price_label

Json = dict[str, Any]

LIMITS = {
    "minLength": "{} or more characters",
    "maxLength": "at most {} characters",
    "minimum": "from {}",
    "maximum": "up to {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "minItems": "{} or more items",
    "maxItems": "at most {} items",
    "pattern": "matching {}",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldReference:
    name: str
    kind: str
    is_required: bool
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceReference:
    service: BaseService
    price: str
    fields: list[FieldReference]
    example: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    services: list[ServiceReference]
    codes: list[tuple[int, str, str]]


def reference(address: str) -> Reference:
    """With examples that call the API at this address."""
    return Reference(
        services=[_of_service(service, switch, address) for service, switch in offered()],
        codes=sorted({(status, HTTPStatus(status).phrase, code) for status, code in ANSWERS.values()}),
    )


def _of_service(service: BaseService, switch: Service, address: str) -> ServiceReference:
    fields = variants_by_field(service)
    required = service.Input.model_json_schema().get("required", [])
    return ServiceReference(
        service=service,
        price=price_label(service, switch),
        fields=[_of_field(name, variants, name in required) for name, variants in fields.items()],
        example=_curl(service, address, {name: _sample(fields[name][0]) for name in required or file_fields(service)}),
    )


def _of_field(name: str, variants: list[Json], is_required: bool) -> FieldReference:
    kinds = dict.fromkeys(_kind(each) for each in variants if each.get("type") != "null")
    texts = dict.fromkeys(each["description"] for each in variants if "description" in each)
    limits = ", ".join(limit for each in variants for limit in _limits(each))
    description = " ".join([*texts, *([f"({limits})"] if limits else [])])
    return FieldReference(name=name, kind=" or ".join(kinds), is_required=is_required, description=description)


def _limits(schema: Json) -> Iterator[str]:
    for key, limit in LIMITS.items():
        if key in schema:
            yield limit.format(schema[key])
    if size := schema.get("x-max-size"):
        yield f"at most {filesizeformat(size)}"


def _kind(schema: Json) -> str:
    if "x-max-size" in schema:
        return "file"
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return " or ".join(map(json.dumps, values))
    if "items" in schema:
        return f"list of {_kind(schema['items']) or 'any JSON'}"
    return str(schema.get("format") or schema.get("type") or "any JSON")


def _curl(service: BaseService, address: str, sample: Json) -> str:
    lines = [f"curl {address}services/{service.name}/run", '-H "Authorization: Bearer $API_KEY"']
    if file_fields(service):
        lines += [f"-F {shlex.quote(f'{name}={value}')}" for name, value in sample.items()]
    else:
        body = shlex.quote(json.dumps(sample, ensure_ascii=False))
        lines += ['-H "Content-Type: application/json"', f"-d {body}"]
    return " \\\n  ".join(lines)


def _sample(schema: Json) -> Any:
    """Something of the right kind, to show how it is written."""
    if "examples" in schema:
        return schema["examples"][0]
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return values[0]
    if "x-max-size" in schema:
        return "@file"
    samples = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}
    return samples.get(schema.get("type", ""), "Some text")
