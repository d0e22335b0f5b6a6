"""The columns of the ledger that Django does not have."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from quickscale_credits.amounts import MAX_TOTAL, from_micro, to_micro
from quickscale_credits.exceptions import InvalidAmount

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.expressions import Combinable

    _BigIntegerField = models.BigIntegerField[Any, Any]
    _DateTimeField = models.DateTimeField[Any, Any]
    _CharField = models.CharField[Any, Any]
else:
    _BigIntegerField, _DateTimeField, _CharField = models.BigIntegerField, models.DateTimeField, models.CharField

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
# So far from NEVER that no time zone makes one read as the other.
LATEST = datetime(9997, 1, 1, tzinfo=UTC)


class CreditField(_BigIntegerField):
    """Credits: a `Decimal` in Python, whole micro-credits in a BIGINT, so sums are exact everywhere."""

    if TYPE_CHECKING:
        _pyi_private_set_type: int | Decimal | str | Combinable  # type: ignore[assignment]
        _pyi_private_get_type: Decimal  # type: ignore[assignment]

    description = "Credits"

    def from_db_value(self, value: int | None, expression: object, connection: object) -> Decimal | None:
        return None if value is None else from_micro(int(value))

    def to_python(self, value: Any) -> Decimal | None:
        try:
            return None if value is None else from_micro(to_micro(value, most=MAX_TOTAL))
        except (TypeError, InvalidAmount) as error:
            raise ValidationError(str(error), code="invalid") from error

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return to_micro(value, most=MAX_TOTAL)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.value_from_object(obj))

    def formfield(self, **kwargs: Any) -> Any:
        decimal = {"form_class": forms.DecimalField, "max_digits": 18, "decimal_places": 6}
        options: dict[str, Any] = decimal | kwargs
        return models.Field.formfield(self, **options)


class ExpiryField(_DateTimeField):
    """When something ends; None for never. Never is stored as a far date, because NULLs sort differently by backend."""

    if TYPE_CHECKING:
        _pyi_private_set_type: datetime | Combinable | None  # type: ignore[assignment]
        _pyi_private_get_type: datetime | None  # type: ignore[assignment]

    description = "Date (with time) or never"

    def from_db_value(self, value: datetime | None, expression: object, connection: object) -> datetime | None:
        return None if value is None or value.year >= NEVER.year - 1 else value

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(NEVER if value is None else value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return super().pre_save(model_instance, add) or NEVER

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        return value if value is None else super().clean(value, model_instance)


class ExactCharField(_CharField):
    """Text that is compared byte for byte, trailing spaces and case included, on MySQL and MariaDB too."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            mariadb = getattr(connection, "mysql_is_mariadb", False)
            parameters["collation"] = "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"
        return parameters
