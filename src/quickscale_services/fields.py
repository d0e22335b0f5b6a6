"""The column in which a run keeps its input and output."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class PayloadField(models.JSONField):
    """JSON that is kept as ASCII text: NUL characters and duplicate forms survive on every database.

    It cannot be searched by key.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return str(connection.data_types["TextField"])

    def db_check(self, connection: BaseDatabaseWrapper) -> None:
        return None

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        return None if value is None else json.dumps(value)
