"""Whether an owner may be deleted. Their account stays, without a name; an app that would still charge them says no."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models.signals import pre_delete

from quickscale_credits.conf import owner_model

if TYPE_CHECKING:
    from quickscale_credits.models import CreditAccount

Guard = Callable[["CreditAccount"], tuple[str, Iterable[models.Model]]]

_guards: list[Guard] = []


def owner_guard(guard: Guard) -> Guard:
    """A decorator of `account -> (remedy, rows)`: while there are rows, the owner of the account is not deleted.

    `ProtectedError` tells the remedy, and so does the page of the admin that would delete them.
    """
    if guard not in _guards:
        _guards.append(guard)
    return guard


def leave_account(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """`on_delete` of an account's owner: `SET_NULL`; but the admin, which only collects what would go, is told here
    what is protected. Of another collector only the objects would reach the caller, and not what to do: see `refuse`.
    """
    if hasattr(collector, "protected"):
        for account in sub_objs:
            for remedy, rows in _objections(account):
                listed: set[Any] = {_Told(row, remedy) for row in rows}
                raise models.ProtectedError(remedy, listed)
    models.SET_NULL(collector, field, sub_objs, using)


def refuse(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    """Before an owner is deleted, alone or among others. Raises `ProtectedError`."""
    accounts: Any = apps.get_model("quickscale_credits", "CreditAccount")
    for account in accounts.objects.for_owner(instance):
        for remedy, rows in _objections(account):
            raise models.ProtectedError(remedy, rows)


def watch_owners() -> None:
    """Proxies send signals of their own."""
    owner = apps.get_model(owner_model())
    for model in apps.get_models():
        if model._meta.concrete_model is owner._meta.concrete_model:
            pre_delete.connect(refuse, sender=model, dispatch_uid=f"quickscale_credits.erasing.{model._meta.label}")


def _objections(account: CreditAccount) -> Iterator[tuple[str, set[models.Model]]]:
    for guard in _guards:
        remedy, rows = guard(account)
        if protecting := set(rows):
            yield remedy, protecting


class _Told:
    """A row as the admin lists what it may not delete, with what to do about it."""

    def __init__(self, row: models.Model, remedy: str) -> None:
        self._meta = row._meta
        self.row, self.remedy = row, remedy

    def __str__(self) -> str:
        return f"{self.row}. {self.remedy}"
