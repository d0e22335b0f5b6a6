"""One cursor for all statements of a transaction, with Django's query log and wrappers as ever."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Self

_PLACE = re.compile(r"(?<!%)%s")


class Session:
    """A database and the one cursor of a transaction: to open another costs as much as a statement."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.using: str = connection.alias
        self._moments: dict[datetime, Any] = {}

    def __enter__(self) -> Self:
        self.cursor: Any = self.connection.cursor()
        if self.connection.vendor == "sqlite":
            self.cursor.cursor.convert_query = _with_question_marks
        return self

    def __exit__(self, *raised: object) -> None:
        self.cursor.__exit__(*raised)

    def __getstate__(self) -> dict[str, Any]:
        """A host may cache a `Balance`, which came from one."""
        return {"using": self.using}

    def fit(self, value: Any, field: Any) -> Any:
        """The value as the driver takes it. A verb writes the same moment into all its rows: it is fitted once."""
        if isinstance(value, dict):
            return json.dumps(value) if value else "{}"
        if not isinstance(value, datetime):
            return field.get_db_prep_value(value, self.connection)
        if value not in self._moments:
            self._moments[value] = self.connection.ops.adapt_datetimefield_value(value)
        return self._moments[value]


@lru_cache
def _with_question_marks(query: str, *, param_names: None = None) -> str:
    """What Django would do again before each statement, for as long as the statement itself takes."""
    return _PLACE.sub("?", query).replace("%%", "%")
