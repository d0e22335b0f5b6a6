"""Files in a service's `Input`.

class Input(pydantic.BaseModel):
    picture: Annotated[Upload, Accept("image/png", "image/jpeg", max_size=5 * MB)]
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, LiteralString

from django.core.files.base import ContentFile, File
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MB = 1024 * 1024
DEFAULT_MAX_SIZE = 10 * MB
# The context of a validation whose JSON is our own, with files in it: nobody who sends JSON can send one so.
KEPT = object()


class Upload:
    """A file that somebody sent: `name`, `content_type`, `size` and `read()`.

    Name and type are the sender's words: look into the content before you rely on them.
    A service's input may be given a Django file (`request.FILES`, `ContentFile`) or an `Upload`.
    """

    def __init__(self, file: File[bytes]) -> None:
        self.file = file
        self.name = PurePosixPath(str(file.name or "").replace("\\", "/")).name
        self.size: int = file.size

    @classmethod
    def of(cls, content: bytes, name: str, content_type: str = "") -> Upload:
        """For tests and scripts, that have the bytes at hand."""
        file = ContentFile(content, name)
        if content_type:
            file.content_type = content_type  # type: ignore[attr-defined]
        return cls(file)

    @property
    def content_type(self) -> str:
        stated: str | None = getattr(self.file, "content_type", None)
        return stated or mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    def read(self) -> bytes:
        """The whole content, each time that it is called."""
        self.file.seek(0)
        content: bytes = self.file.read()
        return content

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.read()).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Upload):
            return NotImplemented
        return (self.name, self.content_type, self.sha256) == (other.name, other.content_type, other.sha256)

    def __hash__(self) -> int:
        return hash((self.name, self.sha256))

    def __repr__(self) -> str:
        return f"<Upload {self.name!r}, {self.size} bytes>"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return Accept().__get_pydantic_core_schema__(source, handler)


@dataclass(frozen=True, init=False)
class Accept:
    """Which uploads a field takes; a field without one takes any type, of at most 10 MB.

    `types` are content types or, with a dot, endings of file names: `Accept("text/csv", ".csv")`.
    """

    types: tuple[str, ...]
    max_size: int

    def __init__(self, *types: str, max_size: int = DEFAULT_MAX_SIZE) -> None:
        object.__setattr__(self, "types", types)
        object.__setattr__(self, "max_size", max_size)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if source is not Upload:
            raise TypeError(
                f"Accept stands directly with Upload, as in Annotated[Upload, Accept(…)], not with {source}."
            )
        return core_schema.with_info_plain_validator_function(
            self.validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_described, when_used="json"),
            metadata={"pydantic_js_functions": [self._json_schema]},
        )

    def validate(self, value: Any, info: core_schema.ValidationInfo) -> Upload:
        upload = Upload(value) if isinstance(value, File) else value
        if info.context is KEPT and isinstance(value, dict):
            upload = unpacked(value)
        if not isinstance(upload, Upload):
            raise _refused("upload_type", _("A file is expected here."))
        if upload.size == 0:
            raise _refused("upload_empty", _("The file is empty."))
        if upload.size > self.max_size:
            sizes = {"size": filesizeformat(upload.size), "limit": filesizeformat(self.max_size)}
            raise _refused("upload_size", _("The file has {size}; at most {limit} are accepted."), sizes)
        if self.types and not self._takes(upload):
            raise _refused("upload_kind", _("Only these are accepted: {types}."), {"types": ", ".join(self.types)})
        return upload

    def _takes(self, upload: Upload) -> bool:
        name, content_type = upload.name.lower(), upload.content_type.partition(";")[0].strip().lower()
        return any(name.endswith(kind) if kind.startswith(".") else content_type == kind for kind in self.types)

    def _json_schema(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "binary", "x-accept": list(self.types), "x-max-size": self.max_size}


def packed(upload: Upload) -> dict[str, str]:
    content = base64.b64encode(upload.read()).decode()
    return {"name": upload.name, "content_type": upload.content_type, "content": content}


def unpacked(kept: dict[str, str]) -> Upload:
    return Upload.of(base64.b64decode(kept["content"]), kept["name"], kept["content_type"])


def _described(upload: Upload) -> dict[str, Any]:
    return {
        "name": upload.name,
        "content_type": upload.content_type,
        "size": upload.size,
        "sha256": upload.sha256,
    }


def _refused(kind: LiteralString, message: str, values: dict[str, Any] | None = None) -> PydanticCustomError:
    return PydanticCustomError(kind, message, values)
