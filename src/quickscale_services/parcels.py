"""The input of a run, packed for a worker: as JSON, with the bytes of its files."""

from __future__ import annotations

from typing import Any

from django.core.files.base import File
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from quickscale_services import schemas
from quickscale_services.base import BaseService
from quickscale_services.exceptions import InvalidInput
from quickscale_services.files import Upload, packed


def pack(service: BaseService, given: dict[str, Any], data: BaseModel) -> dict[str, Any]:
    """Raises `InvalidInput` for what a worker would not get back as it was given."""
    try:
        kept: dict[str, Any] = to_jsonable_python(given, fallback=_plain)
        arrived = unpack(service, kept)
    except (TypeError, ValueError) as error:
        raise _unfit(service, str(error)) from error
    if arrived.model_dump(exclude_unset=True) != data.model_dump(exclude_unset=True):
        raise _unfit(service, "it changes on the way through JSON")
    return kept


def unpack(service: BaseService, kept: dict[str, Any]) -> BaseModel:
    """Raises `InvalidInput` if the service's `Input` has changed since, and it no longer fits."""
    return schemas.validate_kept(service, kept)


def _plain(value: Any) -> Any:
    if isinstance(value, File):
        value = Upload(value)
    if not isinstance(value, Upload):
        raise TypeError(f"a {type(value).__name__} cannot be kept as JSON")
    return packed(value)


def _unfit(service: BaseService, why: str) -> InvalidInput:
    message = f"This input cannot be kept for a worker: {why}. Give it as JSON says it, or call run."
    return InvalidInput([{"type": "not_kept", "loc": (), "msg": message}])
