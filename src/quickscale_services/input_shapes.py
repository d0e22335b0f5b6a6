"""Which fields of an `Input` a form sends as files, as lists, and as JSON."""

from __future__ import annotations

from typing import Any

from quickscale_services.base import BaseService

Schema = dict[str, Any]

MOST_FILES = 10
_PLAIN = {"string", "integer", "number", "boolean", "null"}


def file_fields(service: BaseService) -> dict[str, int]:
    """The fields that take files, and how many bytes each of them may have in all."""
    sizes = {name: _file_size(variants) for name, variants in variants_by_field(service).items()}
    return {name: size for name, size in sizes.items() if size}


def has_deep_files(service: BaseService) -> bool:
    """Whether there are files elsewhere than in a field of `Input`, or in a list there: only Python sends them."""
    root = service.Input.model_json_schema()
    for variant in (each for variants in variants_by_field(service).values() for each in variants):
        around = {key: said for key, said in variant.items() if key != "items"}
        if any(_holds_files(shape, root, set()) for shape in (around, variant.get("items", {})) if not _size(shape)):
            return True
    return False


def list_fields(service: BaseService) -> set[str]:
    return {name for name, variants in variants_by_field(service).items() if any("items" in each for each in variants)}


def structured_fields(service: BaseService) -> set[str]:
    """What text alone cannot say: objects, and lists of anything but texts and numbers."""
    return {name for name, variants in variants_by_field(service).items() if any(map(_is_structured, variants))}


def variants_by_field(service: BaseService) -> dict[str, list[Schema]]:
    """Each field with the schemas that it may follow, references resolved."""
    root = service.Input.model_json_schema()
    return {name: _variants(schema, root) for name, schema in _resolved(root, root).get("properties", {}).items()}


def _variants(schema: Schema, root: Schema) -> list[Schema]:
    """Each of them says what the field says of itself."""
    said = {key: schema[key] for key in ("description", "examples") if key in schema}
    found = [_resolved(each, root) | said for each in schema.get("anyOf") or schema.get("oneOf") or [schema]]
    return [each | {"items": _resolved(each["items"], root)} if "items" in each else each for each in found]


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    return root["$defs"][reference.rpartition("/")[2]] if reference else schema


def _file_size(variants: list[Schema]) -> int:
    return max(_size(each) or _size(each.get("items", {})) * each.get("maxItems", MOST_FILES) for each in variants)


def _size(schema: Schema) -> int:
    """Of a file; 0 for anything else."""
    return int(schema.get("x-max-size", 0))


def _holds_files(schema: Any, root: Schema, seen: set[str]) -> bool:
    if isinstance(schema, list):
        return any(_holds_files(each, root, seen) for each in schema)
    if not isinstance(schema, dict) or (reference := schema.get("$ref")) in seen:
        return False
    if reference:
        seen.add(reference)
        return _holds_files(_resolved(schema, root), root, seen)
    return bool(_size(schema)) or _holds_files(list(schema.values()), root, seen)


def _is_structured(schema: Schema) -> bool:
    shape = schema.get("items", schema)
    return "enum" not in shape and "const" not in shape and shape.get("type") not in _PLAIN
