"""Between what a caller passes and a service's `Input` and `Output`."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isfinite
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from pydantic import BaseModel, Secret, SecretBytes, SecretStr, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from quickscale_services.exceptions import InvalidInput, ServiceFailed
from quickscale_services.files import KEPT, Upload

if TYPE_CHECKING:
    from quickscale_services.base import BaseService

logger = logging.getLogger("quickscale_services")


class NoInput(BaseModel):
    """The `Input` of a service that takes none."""


def validate(service: BaseService, given: dict[str, Any]) -> BaseModel:
    """The `Input`. Unknown fields are refused at every depth, whatever the model says.

    A strict model takes what JSON says as well: JSON has no dates, and programs have nothing else.
    """
    with _told(service):
        try:
            return service.Input.model_validate(given, extra="forbid")
        except ValidationError:
            with suppress(ValidationError, PydanticSerializationError):
                if _is_strict(service.Input):
                    return service.Input.model_validate_json(to_json(given), extra="forbid")
            raise


def _is_strict(model: type[BaseModel]) -> bool:
    of_fields = (getattr(said, "strict", False) for field in model.model_fields.values() for said in field.metadata)
    return bool(model.model_config.get("strict")) or any(of_fields)


def validate_kept(service: BaseService, kept: dict[str, Any]) -> BaseModel:
    """The `Input` once more, from JSON that was kept for a worker, with its files."""
    with _told(service):
        return service.Input.model_validate_json(to_json(kept), extra="forbid", context=KEPT)


@contextmanager
def _told(service: BaseService) -> Iterator[None]:
    """What does not fit as `InvalidInput`, and what a validator of the service's own raises as its failure."""
    try:
        yield
    except ValidationError as error:
        raise _invalid(error) from None
    except Exception as error:  # a service's own code, which may raise anything
        logger.warning("%s could not validate its input.", service.name, exc_info=error)
        message = _("“%(service)s” could not validate the input; nothing was charged.") % {"service": service}
        raise ServiceFailed(message) from error


def fingerprint(service: BaseService, data: BaseModel) -> str:
    """Alike for the same request only. What the caller left to a default is no part of it."""
    try:
        request = _digestible(data.model_dump(exclude_unset=True))
    except PydanticSerializationError:  # an object of the host's own, of which its field's serializer knows what it is
        request = data.model_dump(mode="json", exclude_unset=True)
    return hashlib.sha256(_text([service.name, request]).encode()).hexdigest()


def fit(service: BaseService, given: Any) -> Any:
    """What `execute` gave, or a piece of a stream, as an `Output`; without one, as JSON would bring it back.

    Raises `ValueError` for what does not fit. JSON has no infinite number: what it says instead, mostly null, has to
    fit as well.
    """
    if service.Output is None:
        return plain(given)
    output = service.Output.model_validate(given)
    if _has_infinity(output.model_dump()):
        _load(service.Output, plain(output))
    return output


def _has_infinity(value: Any) -> bool:
    if isinstance(value, float):
        return not isfinite(value)
    if isinstance(value, dict):
        return any(map(_has_infinity, value.values()))
    return isinstance(value, list | tuple | set | frozenset) and any(map(_has_infinity, value))


def plain(value: Any) -> Any:
    """As JSON would bring it back: what a run keeps, and its JSON schema says."""
    return from_json(value.model_dump_json(by_alias=True) if isinstance(value, BaseModel) else to_json(value))


def output_schema(service: BaseService) -> dict[str, Any] | None:
    """The JSON schema of a run's output, which is the list of its pieces for a stream; None for any JSON."""
    piece = None if service.Output is None else service.Output.model_json_schema(mode="serialization")
    if not service.stream:
        return piece
    definitions = {"$defs": piece.pop("$defs")} if piece and "$defs" in piece else {}
    return {"type": "array", "items": piece or {}} | definitions


def load(service: BaseService, kept: Any) -> Any:
    """The kept output; None if the service has changed since and it no longer fits."""
    if service.stream and not isinstance(kept, list):
        return None
    if service.Output is None:
        return kept
    try:
        loaded = [_load(service.Output, one) for one in (kept if service.stream else [kept])]
    except ValidationError:
        return None
    return loaded if service.stream else loaded[0]


def _load(model: type[BaseModel], kept: Any) -> BaseModel:
    return model.model_validate_json(to_json(kept), by_alias=True, by_name=True)


def _invalid(error: ValidationError) -> InvalidInput:
    return InvalidInput(
        error.errors(include_url=False, include_context=False, include_input=False)  # type: ignore[arg-type]
    )


def _digestible(value: Any) -> Any:
    """As JSON that says all of it: secrets in the clear, and every kind of key, as text."""
    if isinstance(value, Mapping):
        return {_text(_digestible(key)): _digestible(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_digestible(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_digestible(item) for item in value), key=repr)
    if isinstance(value, Upload):
        return [value.name, value.content_type, value.sha256]
    if isinstance(value, Secret | SecretBytes | SecretStr):
        return _digestible(value.get_secret_value())
    return to_jsonable_python(value, bytes_mode="base64")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
