"""One cursor for all statements of a transaction, with Django's query log and wrappers as ever."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Self

from django.db.models import Value

from quickscale_credits.fields import ExpiryField
from quickscale_credits.ledger.preparing import keeping_cursor

_EXPIRY = ExpiryField()
_MOMENT = Value(None, output_field=_EXPIRY)
_PLACE = re.compile(r"(?<!%)%s")


class Session:
    """A database and the one cursor of a transaction: to open another costs as much as a statement."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.using: str = connection.alias
        self._moment: tuple[datetime | None, Any] = (None, None)

    def __enter__(self) -> Self:
        is_in_transaction = self.connection.in_atomic_block
        self.cursor: Any = keeping_cursor(self.connection) if is_in_transaction else self.connection.cursor()
        self.driver: Any = self.cursor.cursor
        if self.connection.vendor == "sqlite":
            self.driver.convert_query = _with_question_marks
        return self

    def __exit__(self, *raised: object) -> None:
        self.cursor.__exit__(*raised)

    def __getstate__(self) -> dict[str, Any]:
        """A host may cache a `Balance`, which came from one."""
        return {"using": self.using}

    def rows(self) -> list[tuple[Any, ...]]:
        """What the last statement found."""
        with self.connection.wrap_database_errors:
            return list(self.driver.fetchall())

    def fit(self, value: Any, field: Any) -> Any:
        """The value as the driver takes it. A verb writes the same moment into all its rows: it is fitted once."""
        if isinstance(value, datetime):
            if value is not self._moment[0]:
                self._moment = value, self.connection.ops.adapt_datetimefield_value(value)
            return self._moment[1]
        if isinstance(value, dict):
            return json.dumps(value) if value else "{}"
        return field.get_db_prep_value(value, self.connection)

    def moment(self, value: Any) -> datetime | None:
        """A time as the driver gives it, as an aware datetime; None for never."""
        for convert in self._converters:
            value = convert(value, _MOMENT, self.connection)
        return _EXPIRY.from_db_value(value, _MOMENT, self.connection)

    @cached_property
    def _converters(self) -> list[Any]:
        return list(self.connection.ops.get_db_converters(_MOMENT))


@lru_cache
def _with_question_marks(query: str, *, param_names: None = None) -> str:
    """What Django would do again before each statement, for as long as the statement itself takes."""
    return _PLACE.sub("?", query).replace("%%", "%")
