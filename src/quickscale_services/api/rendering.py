"""How values stand in JSON: credits as text, times as ISO 8601, never NaN."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from ninja.renderers import BaseRenderer
from pydantic_core import to_json


class Renderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return as_json(data)


def as_json(value: Any) -> bytes:
    return to_json(value, inf_nan_mode="null")


def credits_text(amount: Decimal) -> str:
    """Digits and a point, never an exponent."""
    return format(amount, "f")


def seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
