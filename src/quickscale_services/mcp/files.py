"""Files in a call of a tool: an object with the content in base64, where the HTTP API takes a form."""

from __future__ import annotations

import base64
import math
from typing import Annotated, Any

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from quickscale_services.base import BaseService
from quickscale_services.exceptions import InvalidInput
from quickscale_services.files import Upload
from quickscale_services.input_shapes import file_fields

Json = dict[str, Any]

# What a message needs beside the file.
ENVELOPE = 4096


def _is_base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


class SentFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=255, description="With its ending, such as report.csv.")
    content: Annotated[str, AfterValidator(_is_base64)] = Field(description="All bytes of the file, in base64.")
    content_type: str = Field(default="", max_length=255, description="If it is not what the ending says.")


def with_files(schema: Any) -> Any:
    """The schema with objects in the place of files."""
    if isinstance(schema, list):
        return [with_files(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "x-max-size" in schema:
        return _file_schema(schema)
    return {name: with_files(each) for name, each in schema.items()}


def read_files(service: BaseService, arguments: Json) -> Json:
    """The arguments as `Input` takes them. Raises `InvalidInput` for a file that cannot be read."""
    files = file_fields(service)
    return {name: _read(value, (name,)) if name in files else value for name, value in arguments.items()}


def _file_schema(schema: Json) -> Json:
    most = _largest(schema["x-max-size"])
    kinds = f"{' or '.join(schema['x-accept'])}, " if schema["x-accept"] else ""
    described = [schema.get("description"), f"A file: {kinds}at most {filesizeformat(most)}."]
    sent = SentFile.model_json_schema()
    sent["properties"]["content"] |= {"contentEncoding": "base64", "maxLength": math.ceil(most / 3) * 4}
    said = {name: schema[name] for name in ("title", "examples") if name in schema}
    return sent | said | {"description": " ".join(filter(None, described))}


def _largest(size: int) -> int:
    """As large as its field takes it, and as a message has room for it."""
    memory: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return size if memory is None else min(size, max(memory - ENVELOPE, 0) // 4 * 3)


def _read(value: Any, place: tuple[str | int, ...]) -> Any:
    """What is neither an object nor a list is left to the service's `Input` to refuse, or to take."""
    if isinstance(value, list):
        return [_read(each, (*place, number)) for number, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    try:
        sent = SentFile.model_validate(value)
    except ValidationError as error:
        raise InvalidInput([_at(place, each) for each in error.errors(include_url=False)]) from None
    return Upload.of(base64.b64decode(sent.content), sent.name, sent.content_type)


def _at(place: tuple[str | int, ...], error: Any) -> Any:
    return {"type": error["type"], "loc": (*place, *error["loc"]), "msg": error["msg"]}
