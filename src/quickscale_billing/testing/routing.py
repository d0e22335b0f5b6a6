"""Which function answers which request, and with which parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from quickscale_billing.testing.parameters import Fields, Parser, Required, many, word

Operation = Callable[..., Any]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    operation: Operation

    @property
    def fields(self) -> Fields:
        found: Fields = self.operation.__dict__["fields"]
        return found

    def match(self, method: str, path: str) -> list[str] | None:
        if method != self.method:
            return None
        found = re.fullmatch(re.sub(r"{\w+}", "([^/]+)", self.path), path)
        return list(found.groups()) if found else None


def accepts(fields: Fields | None = None, /, **more: Parser | Required) -> Callable[[Operation], Operation]:
    """Name the parameters of an operation; `expand` belongs to each."""
    known: Fields = {**(fields or {}), **more, "expand": many(word)}

    def mark(operation: Operation) -> Operation:
        operation.__dict__["fields"] = known
        return operation

    return mark


def accepts_nothing(operation: Operation) -> Operation:
    """Nor is anything expanded: of what is deleted, nothing is left to show."""
    operation.__dict__["fields"] = {}
    return operation


def find(routes: Sequence[Route], method: str, path: str) -> tuple[Route, list[str]] | None:
    for route in routes:
        arguments = route.match(method, path)
        if arguments is not None:
            return route, arguments
    return None
