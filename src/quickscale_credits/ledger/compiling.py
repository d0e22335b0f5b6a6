"""ORM queries that are compiled to SQL once per database.

Building a query costs Django one to two milliseconds, more than the database needs for a whole spend. Amounts go in
and come out as whole micro-credits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models import BigIntegerField, Case, Expression, When, sql
from django.db.models.base import ModelState

from quickscale_credits.ledger.session import Session

Query = Any
Values = dict[str, Any]
Row = TypeVar("Row", bound=models.Model)


AT_ONCE = 50  # rows of one statement: SQLite takes 999 values


class Slot(Expression):
    """A place for a value that is given when the statement runs."""

    def __init__(self, name: str, field: Any) -> None:
        super().__init__(output_field=getattr(field, "target_field", field))
        self.name = name
        self.is_plain = isinstance(self.output_field, models.IntegerField | models.CharField)

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        return "%s", (self,)


PK = Slot("pk", BigIntegerField())


def slots(model: type[models.Model], *names: str) -> dict[str, Slot]:
    fields = _columns(model)
    return {name: Slot(name, fields[name]) for name in names}


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL, and the name of the value for each of its places: some are `fixed`, some must be fitted to the database."""

    text: str
    places: Sequence[Any]
    names: list[str]
    fixed: Values
    fitted: list[tuple[int, Any]]

    def filled(self, values: Values, db: Session) -> list[Any]:
        if self.fixed:
            values = self.fixed | values
        found = [*map(values.__getitem__, self.names)]
        for index, field in self.fitted:
            found[index] = db.fit(found[index], field)
        return found

    def lists(self, db: Session) -> str:
        """A list for each place, as Django's `bulk_create` has it: psycopg looks long for thousands of places."""
        types = [place.output_field.db_type(db.connection).split("(")[0] for place in self.places]
        return f"UNNEST({', '.join(f'(%s)::{name}[]' for name in types)})"

    def columns(self, rows: Sequence[Values], db: Session) -> list[list[Any]]:
        return [*map(list, zip(*(self.filled(values, db) for values in rows), strict=True))]


class Statement:
    """`build(using)` gives a query whose values may be slots; it is called once per database."""

    def __init__(self, build: Callable[[str], Query]) -> None:
        self.build = build
        self.compiled: dict[str, Compiled] = {}

    def all(self, db: Session, **values: Any) -> list[tuple[Any, ...]]:
        self._execute(db, values)
        return db.rows()

    def all_among(self, db: Session, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows for any of these values of its last slot: in `__in`, Django looks at each for long."""
        compiled = self.on(db)
        *fixed, slot = compiled.places
        given = list(values) if slot.is_plain else [db.fit(value, slot.output_field) for value in values]
        if not given:
            return []
        if db.connection.vendor == "postgresql":
            among, places = "= ANY(%s)", [*fixed, given]
        else:
            among, places = f"IN ({', '.join(['%s'] * len(given))})", [*fixed, *given]
        db.cursor.execute(compiled.text.replace("= (%s)", among), places)
        return db.rows()

    def change(self, db: Session, **values: Any) -> int:
        """The number of rows that were changed."""
        self._execute(db, values)
        return int(db.driver.rowcount)

    def change_each(self, db: Session, rows: Sequence[Values]) -> None:
        if len(rows) == 1:
            self._execute(db, rows[0])
        elif rows:
            compiled = self.on(db)
            db.cursor.executemany(compiled.text, [compiled.filled(values, db) for values in rows])

    def insert(self, db: Session, **values: Any) -> int:
        """The new row's id."""
        self._execute(db, values)
        if not db.connection.features.can_return_columns_from_insert:
            return int(db.driver.lastrowid)
        [[pk]] = db.rows()
        return int(pk)

    def insert_each(self, db: Session, rows: Sequence[Values]) -> list[int]:
        """The ids of the new rows, in their order."""
        if len(rows) < 2 or not db.connection.features.can_return_rows_from_bulk_insert:
            return [self.insert(db, **values) for values in rows]
        if db.connection.vendor == "postgresql":
            return self._insert_columns(db, rows)
        ids: list[int] = []
        for start in range(0, len(rows), AT_ONCE):
            ids += self._insert_rows(db, rows[start : start + AT_ONCE])
        return ids

    def _insert_rows(self, db: Session, rows: Sequence[Values]) -> list[int]:
        compiled = self.on(db)
        row = f"({', '.join(['%s'] * len(compiled.names))})"
        text = compiled.text.replace(row, ", ".join([row] * len(rows)))
        db.cursor.execute(text, [*chain(*(compiled.filled(values, db) for values in rows))])
        return [pk for [pk] in db.rows()]

    def _insert_columns(self, db: Session, rows: Sequence[Values]) -> list[int]:
        compiled = self.on(db)
        row = f"VALUES ({', '.join(['%s'] * len(compiled.places))})"
        lists = f"SELECT * FROM {compiled.lists(db)}"  # noqa: S608 - types alone
        db.cursor.execute(compiled.text.replace(row, lists), compiled.columns(rows, db))
        return [pk for [pk] in db.rows()]

    def on(self, db: Session) -> Compiled:
        compiled = self.compiled.get(db.using)
        if compiled is None:
            compiled = self.compiled[db.using] = _compiled(self.build(db.using), db.using)
        return compiled

    def _execute(self, db: Session, values: Values) -> None:
        compiled = self.on(db)
        db.cursor.execute(compiled.text, compiled.filled(values, db))


class Setting(Statement):
    """Sets these columns of the row with this `pk`."""

    def __init__(self, model: type[models.Model], *names: str) -> None:
        super().__init__(lambda using: updating(model, {"pk": PK}, slots(model, *names)))
        self.at_once = cache(lambda varying: Statement(lambda using: _setting_at_once(model, names, varying)))
        self.names = names

    def change_each(self, db: Session, rows: Sequence[Values]) -> None:
        """Many rows at once where the way to the server costs more than the statement."""
        if len(rows) > 1 and db.connection.vendor == "postgresql":
            self._change_columns(db, rows)
            return
        while len(rows) >= AT_ONCE and db.connection.vendor != "sqlite":
            page, rows = rows[:AT_ONCE], rows[AT_ONCE:]
            varying = tuple(name for name in self.names if len({values[name] for values in page}) > 1)
            own = {f"{name} {row}": values[name] for row, values in enumerate(page) for name in ("pk", *varying)}
            self.at_once(varying).change(db, **page[0] | own)
        super().change_each(db, rows)

    def _change_columns(self, db: Session, rows: Sequence[Values]) -> None:
        compiled = self.on(db)
        names = [f"column{index}" for index in range(len(compiled.places))]
        setting, where = (compiled.text % tuple(names)).split(" WHERE ")
        lists = f" FROM {compiled.lists(db)} AS row ({', '.join(names)}) WHERE "
        db.cursor.execute(setting + lists + where, compiled.columns(rows, db))


def _setting_at_once(model: type[models.Model], names: tuple[str, ...], varying: tuple[str, ...]) -> Query:
    """A column that varies is set by a CASE with a branch for each row."""
    pks = [Slot(f"pk {row}", PK.output_field) for row in range(AT_ONCE)]
    values: Values = slots(model, *names)
    for name in varying:
        field = values[name].output_field
        branches = [When(pk=pk, then=Slot(f"{name} {row}", field)) for row, pk in enumerate(pks)]
        values[name] = Case(*branches, output_field=field)
    return updating(model, {"pk__in": pks}, values)


def _compiled(query: Query, using: str) -> Compiled:
    query = getattr(query, "query", query)
    compiler = query.get_compiler(using)
    if isinstance(query, sql.InsertQuery):
        if connections[using].features.can_return_columns_from_insert:
            compiler.returning_fields = [query.get_meta().pk]
        [compiled] = compiler.as_sql()
    else:
        compiled = compiler.as_sql()
    text, places = compiled
    names = [place.name if isinstance(place, Slot) else str(index) for index, place in enumerate(places)]
    named = dict(zip(names, places, strict=True))
    return Compiled(
        text,
        places,
        names,
        fixed={name: place for name, place in named.items() if not isinstance(place, Slot)},
        fitted=[
            (index, place.output_field)
            for index, place in enumerate(places)
            if isinstance(place, Slot) and not place.is_plain
        ],
    )


def raw_rows(queryset: Any, db: Session) -> list[tuple[Any, ...]]:
    """The rows of a query that is not worth keeping compiled, as the driver gives them."""
    try:
        text, places = queryset.query.get_compiler(db.using).as_sql()
    except EmptyResultSet:  # of `pk__in=[]`
        return []
    db.cursor.execute(text, places)
    return db.rows()


def locking(model: type[models.Model], using: str) -> Any:
    """A queryset that locks its rows; weaker than FOR UPDATE where the database can, so that foreign keys pass."""
    no_key = connections[using].features.has_select_for_no_key_update
    return model._base_manager.using(using).select_for_update(no_key=no_key)


def updating(model: type[models.Model], where: Values, values: Values) -> Query:
    query: Any = model._base_manager.filter(**where).query.chain(sql.UpdateQuery)
    query.add_update_values(values)
    return query


def inserting(model: type[models.Model], *names: str) -> Query:
    query = sql.InsertQuery(model)
    fields = _columns(model)
    query.insert_values([fields[name] for name in names], [model(**slots(model, *names))])
    return query


def unsaved(model: type[Row], **columns: Any) -> Row:
    """A new instance, as it is made from a pickle: setting each field by name takes as long as two statements."""
    row = model.__new__(model)
    row._state = ModelState()
    vars(row).update(dict.fromkeys(_columns(model)) | columns)
    return row


@cache
def _columns(model: type[models.Model]) -> dict[str, Any]:
    return {field.attname: field for field in model._meta.concrete_fields}
