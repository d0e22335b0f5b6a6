"""Reading credits: adjectives filter, `for_…` scopes. Nothing here writes."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from django.apps import apps
from django.db import models
from django.db.models import F, Sum
from django.utils import timezone

from quickscale_credits.conf import owner_model
from quickscale_credits.exceptions import AppendOnly

if TYPE_CHECKING:
    # In type arguments.
    from quickscale_credits.models import ArchivedEntries, CreditAccount, CreditGrant, Hold  # noqa: F401

Row = TypeVar("Row", bound=models.Model)


class AccountQuerySet(models.QuerySet["CreditAccount"]):
    def for_owner(self, owner: models.Model | CreditAccount) -> Self:
        """The account of this owner, if it was made: none or one row. Raises as the verbs do for what is no owner."""
        return self.filter(**identifying(owner))


class GrantQuerySet(models.QuerySet["CreditGrant"]):
    def open(self) -> Self:
        """Grants of which something is free now, as booked: not yet what a hold gives back whose time is over."""
        return self.filter(state=self.model.State.OPEN, expires_at__gt=timezone.now())

    def expiring(self, within: timedelta) -> Self:
        """Open grants that expire within this time."""
        return self.open().filter(expires_at__lte=timezone.now() + within)

    def in_spending_order(self) -> Self:
        return self.order_by("priority", "expires_at", "id")


class HoldQuerySet(models.QuerySet["Hold"]):
    def open(self) -> Self:
        """Holds that hold something now; frozen grants among them."""
        return self.filter(status=self.model.Status.OPEN).exclude(expires_at__lte=timezone.now())


class AppendOnlyQuerySet(models.QuerySet[Row]):
    """Refuses kindly what the database's triggers refuse anyway."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly(f"{self.model._meta.verbose_name_plural} are never changed: book a correction instead.")

    def delete(self) -> NoReturn:
        raise AppendOnly(f"{self.model._meta.verbose_name_plural} are never deleted: book a correction instead.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        self.update()


class ArchiveQuerySet(AppendOnlyQuerySet["ArchivedEntries"]):
    def number(self) -> int:
        """How many entries these rows stand for."""
        numbers = self.aggregate(number=Sum(F("last_sequence") - F("first_sequence") + 1))
        return numbers["number"] or 0


def identifying(owner: models.Model | CreditAccount) -> dict[str, Any]:
    """The account's filter: by `pk` for an account, by `owner_id` for a saved owner; else `TypeError`, `ValueError`."""
    if not isinstance(owner, _classes()):
        raise TypeError(f"An owner is a {owner_model()} or a CreditAccount, not a {type(owner).__name__}.")
    pk = owner.pk
    if pk is None or owner._state.adding:
        raise ValueError(f"Save the {type(owner).__name__} first: only what is in the database owns credits.")
    return {"pk" if isinstance(owner, _classes()[0]) else "owner_id": owner._meta.pk.to_python(pk)}


@cache
def _classes() -> tuple[type[models.Model], type[models.Model]]:
    return apps.get_model("quickscale_credits.CreditAccount"), apps.get_model(owner_model())
