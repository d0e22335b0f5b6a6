"""Adding what a query has counted to the rows that are there, and adding up what several queries give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet

NO_ORDER = " ORDER BY NULL"  # which Django gives MySQL, and which may not stand in a part of a union


def merge(rows: QuerySet[Any], into: type[Model], *, key: Sequence[str], added: Sequence[str]) -> None:
    """INSERT … SELECT, in one statement: where a row with the same key is there, the numbers are added to its own.

    The query gives the columns of the key and then the numbers, in this order.
    """
    connection = connections[rows.db]
    columns = [connection.ops.quote_name(_column(into, name)) for name in (*key, *added)]
    sql, params = rows.order_by().query.get_compiler(rows.db).as_sql()
    table = connection.ops.quote_name(into._meta.db_table)
    conflict = _on_conflict(rows.db, table, columns[: len(key)], columns[len(key) :])
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) {sql} {conflict}", params)


def _column(model: type[Model], name: str) -> str:
    column: Any = model._meta.get_field(name)
    return f"{column.column}"


def _on_conflict(using: str, table: str, key: Sequence[str], added: Sequence[str]) -> str:
    if connections[using].vendor == "mysql":
        return "ON DUPLICATE KEY UPDATE " + ", ".join(f"{name} = {table}.{name} + VALUES({name})" for name in added)
    sums = ", ".join(f"{name} = {table}.{name} + EXCLUDED.{name}" for name in added)
    return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sums}"


def summed(parts: Sequence[QuerySet[Any]], *, by: Sequence[str], sums: Iterable[str]) -> list[tuple[Any, ...]]:
    """One SELECT over all parts, so that what moves from one to another meanwhile is counted once.

    The parts give columns in the same order; `by` and `sums`, expressions of SQL, name those of the first.
    """
    columns = ", ".join([*by, *sums])
    group = f"GROUP BY {', '.join(by)}" if by else ""
    return told(parts, f"SELECT {columns} FROM {{parts}} {group}")  # noqa: S608 - our own names only


def told(parts: Sequence[QuerySet[Any]], statement: str) -> list[tuple[Any, ...]]:
    """Likewise: what the statement, which has `{parts}` once, says of all parts."""
    using = parts[0].db
    selects, params = _compiled(parts, using)
    with connections[using].cursor() as cursor:
        cursor.execute(statement.replace("{parts}", f"({selects}) AS parts"), params)
        return list(cursor.fetchall())


def together(parts: Sequence[QuerySet[Any]]) -> list[tuple[Any, ...]]:
    """The rows of all parts in one SELECT, likewise; as the database gives them, in no order."""
    using = parts[0].db
    selects, params = _compiled(parts, using)
    with connections[using].cursor() as cursor:
        cursor.execute(selects, params)
        return list(cursor.fetchall())


def _compiled(parts: Sequence[QuerySet[Any]], using: str) -> tuple[str, list[Any]]:
    selects, params = [], []
    for part in parts:
        sql, given = part.order_by().query.get_compiler(using).as_sql()
        selects.append(sql.removesuffix(NO_ORDER))
        params += given
    return " UNION ALL ".join(selects), params
