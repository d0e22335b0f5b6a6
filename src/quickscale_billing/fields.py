"""Columns for what Stripe says: ids, which are compared byte for byte, and money, which is whole minor units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from quickscale_billing.money import validate_currency
from quickscale_credits.fields import ExactCharField

if TYPE_CHECKING:
    _BigIntegerField = models.BigIntegerField[Any, Any]
    _CharField = models.CharField[Any, Any]
else:
    _BigIntegerField, _CharField = models.BigIntegerField, models.CharField


class StripeIdField(ExactCharField):
    """The id of an object at Stripe, or NULL while there is none; no foreign key into dj-stripe."""

    description = "Id at Stripe"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"max_length": 255} | kwargs)


class CurrencyField(_CharField):
    """An ISO code in lower case, as Stripe writes it."""

    description = "Currency"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        usual: dict[str, Any] = {"max_length": 3, "validators": [validate_currency]}
        super().__init__(*args, **usual | kwargs)


class MinorUnitsField(_BigIntegerField):
    """Money in the smallest unit of a currency that stands beside it: cents, yen, fils."""

    description = "Money in minor units"
