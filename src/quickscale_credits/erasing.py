"""Whether an owner may be deleted. Their account stays, without a name; an app that would still charge them says no."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from quickscale_credits.models import CreditAccount

Guard = Callable[["CreditAccount"], tuple[str, Iterable[models.Model]]]

_guards: list[Guard] = []


def owner_guard(guard: Guard) -> Guard:
    """A decorator of `account -> (remedy, rows)`: while there are rows, the owner of the account is not deleted.

    `ProtectedError` names each row with the remedy, and so does the page of the admin that would delete the owner.
    """
    if guard not in _guards:
        _guards.append(guard)
    return guard


def leave_account(collector: Any, field: Any, sub_objs: Any, using: str) -> None:
    """`on_delete` of an account's owner: `SET_NULL`, unless a guard has something against it.

    It is raised while Django collects what to delete, before its transaction, which stays usable. Django makes an
    error of its own of it that keeps the rows alone, so these tell what to do.
    """
    for account in sub_objs:
        for guard in _guards:
            remedy, rows = guard(account)
            if protecting := [_Protecting(row, remedy) for row in rows]:
                listed: set[Any] = set(protecting)
                raise models.ProtectedError(remedy, listed)
    models.SET_NULL(collector, field, sub_objs, using)


class _Protecting:
    """A row that shows what to do about it; else it is like the row."""

    def __init__(self, row: models.Model, remedy: str) -> None:
        self.row = row
        self.text = f"{row}. {remedy}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.row, name)

    def __eq__(self, other: object) -> bool:
        return bool(self.row == (other.row if isinstance(other, _Protecting) else other))

    def __hash__(self) -> int:
        return hash(self.row)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<{type(self.row).__name__}: {self.text}>"
