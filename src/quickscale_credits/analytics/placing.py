"""Telling in the database to which of several stretches of time a row belongs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db.models import Expression, F, Field, IntegerField


class Among(Expression):
    """Which of the values belongs to the time or day in a column: the first before the first bound, the second between
    it and the next, and so on. What is at a bound is after it, or before it if `is_at_most`.

    Found by comparing: to reckon with time zones, SQLite would ask Python for each row. One expression, whatever the
    number of bounds: Django builds a `Case` of each more slowly than databases compare.
    """

    def __init__(
        self,
        column: str | Expression,
        bounds: Sequence[date],
        values: Sequence[Any] | None = None,
        *,
        output_field: Field[Any, Any] | None = None,
        is_at_most: bool = False,
    ) -> None:
        """Without values, they are the numbers from 0 on. `bounds` ascend."""
        super().__init__(output_field=output_field or IntegerField())
        self.column: Any = F(column) if isinstance(column, str) else column
        self.bounds = bounds
        self.values = values
        self.is_at_most = is_at_most

    def get_source_expressions(self) -> list[Any]:
        return [self.column]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        [self.column] = exprs

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, of_column = compiler.compile(self.column)
        as_bound = self.column.output_field.get_db_prep_value
        bounds = [as_bound(each, connection) for each in self.bounds]
        operator = "<=" if self.is_at_most else "<"
        params: list[Any] = []

        def between(first: int, end: int) -> str:
            if first == end:
                return self._value(first, connection, params)
            middle = (first + end) // 2
            params.extend([*of_column, bounds[middle]])
            before = between(first, middle)
            return f"CASE WHEN {column} {operator} %s THEN {before} ELSE {between(middle + 1, end)} END"

        return between(0, len(bounds)), tuple(params)

    def _value(self, number: int, connection: Any, params: list[Any]) -> str:
        if self.values is None:
            return f"{number:d}"
        params.append(self.output_field.get_db_prep_value(self.values[number], connection))
        return "%s"
