"""The body of a request, as the input of a service: JSON, or a form where the service takes files."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.translation import gettext as _
from pydantic_core import from_json

from quickscale_services.api.errors import UnsupportedMediaType
from quickscale_services.base import BaseService
from quickscale_services.exceptions import InvalidInput
from quickscale_services.files import MB
from quickscale_services.input_shapes import file_fields, list_fields, structured_fields

JSON = "application/json"
FORM = "multipart/form-data"


def read_input(request: HttpRequest, service: BaseService) -> dict[str, Any]:
    """Raises `UnsupportedMediaType`, `RequestDataTooBig`, and `InvalidInput` for what cannot be read."""
    kind = (request.content_type or "").lower()
    if kind == FORM and file_fields(service):
        return _form(request, service)
    if kind == JSON or (not kind and not _stated_length(request)):
        return read_json(request)
    expected = f"{JSON} or {FORM}" if file_fields(service) else JSON
    raise UnsupportedMediaType(_("The body must be %(expected)s.") % {"expected": expected})


def _stated_length(request: HttpRequest) -> int:
    try:
        return int(request.headers.get("Content-Length") or 0)
    except ValueError:
        raise _unreadable("Content-Length must be a number.") from None


def read_json(request: HttpRequest) -> dict[str, Any]:
    """Raises `RequestDataTooBig`, and `InvalidInput` for what is no JSON object, or has a number that is too large."""
    _stated_length(request)  # before Django stumbles over it
    body = request.body
    if _is_beyond(settings.DATA_UPLOAD_MAX_MEMORY_SIZE, len(body)):  # sent in chunks, without saying how much
        raise RequestDataTooBig
    try:
        value = from_json(body or b"{}", allow_inf_nan=False)
    except ValueError as error:
        raise _unreadable(f"This is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise _unreadable("The body must be a JSON object.")
    if not _is_finite(value):
        raise _unreadable("A number is too large.")
    return value


def _form(request: HttpRequest, service: BaseService) -> dict[str, Any]:
    if _is_beyond(_form_limit(service), _stated_length(request)):
        raise RequestDataTooBig
    lists, structured = list_fields(service), structured_fields(service)
    texts = {name: [_value(text, name in structured) for text in given] for name, given in request.POST.lists()}
    given = {**texts, **dict(request.FILES.lists())}
    return {name: _of_field(values, name in lists) for name, values in given.items()}


def _form_limit(service: BaseService) -> int | None:
    """Files count against their own fields' limits; Django counts the rest."""
    memory: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return None if memory is None else memory + MB + sum(file_fields(service).values())


def _of_field(values: list[Any], is_list: bool) -> Any:
    """What is there twice, and is no list, is left to validation to refuse."""
    return values[0] if len(values) == 1 and not is_list else values


def _value(text: str, is_structured: bool) -> Any:
    if not is_structured:
        return text
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list) or all(map(_is_finite, value))


def _is_beyond(limit: int | None, size: int) -> bool:
    return limit is not None and size > limit


def _unreadable(message: str) -> InvalidInput:
    return InvalidInput([{"loc": ("body",), "msg": message, "type": "body"}])
