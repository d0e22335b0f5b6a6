"""Any output, laid out for a page: facts, tables, lists, text and pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Literal

from django.utils import timezone
from django.utils.formats import date_format, number_format, time_format
from django.utils.translation import gettext as _
from pydantic import BaseModel

from quickscale_services.base import BaseService
from quickscale_services.labels import label, told

LONG_TEXT = 80
# SVG is left out: it is a document, not only a picture.
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+")
_MAGIC = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}


@dataclass(frozen=True, kw_only=True)
class Shown:
    kind: Literal["facts", "table", "list", "text", "picture", "number", "value"]
    text: str = ""
    items: Sequence[Any] = ()
    headings: Sequence[str] = ()


def shown(value: Any) -> Shown:
    if isinstance(value, BaseModel | Mapping):
        return Shown(kind="facts", items=[(name, shown(item)) for name, item in _labeled(value)])
    if isinstance(value, list | tuple | set | frozenset):
        return _sequence(list(value))
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Shown(kind="number", text=_number(value))
    return _text(_plain(value))


def shown_output(service: BaseService | None, output: Any) -> Shown:
    """The text of a stream is read in one piece, however it came."""
    is_text = isinstance(output, list) and bool(output) and all(isinstance(piece, str) for piece in output)
    return shown("".join(output) if is_text and service is not None and service.stream else output)


def _labeled(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return [(told(field.title or label(name)), getattr(value, name)) for name, field in fields.items()]
    return [(told(label(str(name))), item) for name, item in value.items()]


def _sequence(values: list[Any]) -> Shown:
    if not values:
        return Shown(kind="value", text="—")
    rows = [_labeled(value) for value in values if isinstance(value, BaseModel | Mapping)]
    if len(rows) < len(values):
        return Shown(kind="list", items=[shown(value) for value in values])
    headings = list(dict.fromkeys(name for row in rows for name, _item in row))
    return Shown(kind="table", headings=headings, items=[_cells(dict(row), headings) for row in rows])


def _cells(row: dict[str, Any], headings: list[str]) -> list[Shown]:
    return [shown(row.get(heading)) for heading in headings]


def _bytes(value: bytes) -> Shown:
    kind = next((kind for magic, kind in _MAGIC.items() if value.startswith(magic)), None)
    if kind is None:
        return Shown(kind="value", text=_("%(size)s bytes") % {"size": number_format(len(value))})
    return Shown(kind="picture", text=f"data:image/{kind};base64,{base64.b64encode(value).decode()}")


def _number(value: float | Decimal) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return number_format(value, use_l10n=True, force_grouping=True)


def _text(text: str) -> Shown:
    if _PICTURE.fullmatch(text):
        return Shown(kind="picture", text=text)
    return Shown(kind="text" if len(text) > LONG_TEXT or "\n" in text else "value", text=text)


def _plain(value: Any) -> str:
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value) if timezone.is_aware(value) else value, "SHORT_DATETIME_FORMAT")
    if isinstance(value, date):
        return date_format(value, "DATE_FORMAT")
    if isinstance(value, time):
        return time_format(value)
    return str(value.value) if isinstance(value, Enum) else str(value)
