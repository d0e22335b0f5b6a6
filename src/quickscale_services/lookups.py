"""Rows that every request of the API reads. To build such a query costs Django more than the database needs for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import ProgrammingError, connections, models

from quickscale_credits.ledger.preparing import FORGOTTEN, keeping_cursor


@dataclass(frozen=True, kw_only=True)
class _Part:
    """The columns of one of the models, which the row in `path[:-1]` points to."""

    path: tuple[str, ...]
    model: Any

    @cached_property
    def columns(self) -> list[str]:
        return [field.attname for field in self.model._meta.concrete_fields]

    def made(self, values: list[Any], using: str) -> models.Model | None:
        columns = self.columns
        is_there = values[columns.index(self.model._meta.pk.attname)] is not None
        made: models.Model | None = self.model.from_db(using, columns, values) if is_there else None
        return made


@dataclass(frozen=True, kw_only=True)
class _Compiled:
    text: str
    converters: dict[int, tuple[list[Any], Any]]


class Lookup:
    """One row by a unique column of text, with the rows it points to along `related`, as `select_related` gives them.

    Its SQL is made once per database.
    """

    def __init__(self, model: type[models.Model], column: str, *related: str) -> None:
        self.column = column
        self.parts = [_Part(path=(), model=model)]
        for each in related:
            self._add(model, each.split("__"))
        self.compiled: dict[str, _Compiled] = {}

    def _add(self, model: Any, path: list[str]) -> None:
        for depth, name in enumerate(path, 1):
            model = model._meta.get_field(name).related_model
            part = _Part(path=tuple(path[:depth]), model=model)
            if part not in self.parts:
                self.parts.append(part)

    def find(self, value: str, *, using: str) -> Any:
        """None if there is no such row."""
        compiled = self.compiled.get(using) or self._compile(using)
        connection = connections[using]
        try:
            row = _first(compiled, value, connection)
        except ProgrammingError as error:
            if connection.in_atomic_block or getattr(error.__cause__, "sqlstate", None) != FORGOTTEN:
                raise
            connection.close()
            row = _first(compiled, value, connection)
        return None if row is None else self._made(_converted(list(row), compiled, connection), using)

    def _compile(self, using: str) -> _Compiled:
        names = ["__".join([*part.path, column]) for part in self.parts for column in part.columns]
        rows = self.parts[0].model._base_manager.using(using).filter(**{self.column: ""}).order_by().values_list(*names)
        compiler = rows.query.get_compiler(using)
        text, _places = compiler.as_sql()
        converters = compiler.get_converters([expression for expression, *_ in compiler.select])
        self.compiled[using] = _Compiled(text=text, converters=converters)
        return self.compiled[using]

    def _made(self, row: list[Any], using: str) -> Any:
        made: dict[tuple[str, ...], Any] = {}
        for part in self.parts:
            values, row = row[: len(part.columns)], row[len(part.columns) :]
            made[part.path] = part.made(values, using)
            if part.path and (pointing := made[part.path[:-1]]) is not None:
                setattr(pointing, part.path[-1], made[part.path])
        return made[()]


def _first(compiled: _Compiled, value: str, connection: Any) -> Any:
    with keeping_cursor(connection) as cursor:
        cursor.execute(compiled.text, [value])
        return cursor.fetchone()


def _converted(row: list[Any], compiled: _Compiled, connection: Any) -> list[Any]:
    for position, (converters, expression) in compiled.converters.items():
        for convert in converters:
            row[position] = convert(row[position], expression, connection)
    return row
