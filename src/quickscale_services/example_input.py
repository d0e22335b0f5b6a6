"""An input that fits a service's `Input`: from the examples of its fields, else made to fit their JSON schemas."""

from __future__ import annotations

import math
from collections.abc import Callable
from io import BytesIO
from typing import Any

from pydantic import BaseModel

from quickscale_services.files import Upload

Schema = dict[str, Any]

TEXT = "An example of a text. It has two sentences. "
FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T12:00:00Z",
    "time": "12:00:00",
    "duration": "PT1H",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "3f1c3a52-6f0d-4a53-9d6a-0b8a5a0f6a11",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
# What a file says, by how its name ends.
TEXTS = {"csv": "name,amount\nAda,12.5\nGrace,7\n", "json": '{"name": "Ada"}', "txt": TEXT, "plain": TEXT}
PICTURES = {"png": "PNG", "jpeg": "JPEG", "jpg": "JPEG", "gif": "GIF", "webp": "WEBP"}


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """What is required, and what has an example. Whether it fits, validation has to say: a schema does not tell all."""
    root = model.model_json_schema()
    if examples := root.get("examples"):
        return dict(examples[0])
    required = root.get("required", [])
    fields = root.get("properties", {}).items()
    return {name: _made(schema, root) for name, schema in fields if name in required or "examples" in schema}


def _made(schema: Schema, root: Schema) -> Any:
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "$ref" in schema:
        return _made(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    for key in ("anyOf", "oneOf", "allOf"):
        if variants := schema.get(key):
            return _made(schema | next((each for each in variants if each.get("type") != "null"), {}) | {key: []}, root)
    return MAKERS.get(schema.get("type", ""), _text)(schema, root)


def _text(schema: Schema, root: Schema) -> Any:
    if "x-max-size" in schema:
        return _file(schema["x-accept"])
    if known := FORMATS.get(schema.get("format", "")):
        return known
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    text = TEXT * (least // len(TEXT) + 1)
    return text[: int(min(max(least, len(TEXT) - 1), most))]


def _integer(schema: Schema, root: Schema) -> int:
    return int(_number(schema, root, step=1))


def _number(schema: Schema, root: Schema, step: float = 0.5) -> float:
    """The smallest that is allowed and not below 1, where that is possible."""
    step = schema.get("multipleOf", step)
    lowest, highest = _bounds(schema, step)
    number = max(lowest, min(1, highest)) if highest >= 1 else max(lowest, highest)
    return float(math.ceil(number / step) * step)


def _bounds(schema: Schema, step: float) -> tuple[float, float]:
    lowest, highest = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    lowest = max(lowest, schema.get("exclusiveMinimum", -math.inf) + step)
    return lowest, min(highest, schema.get("exclusiveMaximum", math.inf) - step)


def _list(schema: Schema, root: Schema) -> list[Any]:
    if "prefixItems" in schema:
        return [_made(item, root) for item in schema["prefixItems"]]
    return [_made(schema.get("items", {}), root) for _ in range(max(1, schema.get("minItems", 1)))]


def _object(schema: Schema, root: Schema) -> dict[str, Any]:
    return {name: _made(schema["properties"][name], root) for name in schema.get("required", [])}


MAKERS: dict[str, Callable[[Schema, Schema], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": lambda schema, root: True,
    "array": _list,
    "object": _object,
    "null": lambda schema, root: None,
}


def _file(kinds: list[str]) -> Upload:
    """Of the first kind that we can make; of any other, a file of that kind by name alone."""
    endings = [kind.lower().rpartition("/")[2].rpartition(".")[2] for kind in kinds] or ["txt"]
    ending = next((each for each in endings if each in TEXTS or each in PICTURES), endings[0])
    content = _picture(PICTURES[ending]) if ending in PICTURES else TEXTS.get(ending, TEXT).encode()
    return Upload.of(content, f"example.{'txt' if ending == 'plain' else ending}", _content_type(kinds, ending))


def _content_type(kinds: list[str], ending: str) -> str:
    return next((kind for kind in kinds if "/" in kind and kind.lower().endswith(ending)), "")


def _picture(kind: str) -> bytes:
    """Without Pillow it is none, and a service that looks into it will say so."""
    try:
        from PIL import Image
    except ImportError:
        return b""
    content = BytesIO()
    Image.new("RGB", (8, 6), "steelblue").save(content, kind)
    return content.getvalue()
