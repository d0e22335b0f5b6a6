"""What other apps add to an account's page in the admin: services its runs, billing its payments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

    from quickscale_credits.models import CreditAccount

    Text = str | StrPromise


@dataclass(frozen=True, kw_only=True)
class AccountSection:
    """A table; `url` leads to all of it. The cells are escaped unless they are safe strings. Where it names a
    `permission`, only who has it sees the table."""

    title: Text
    header: Iterable[Text]
    rows: Iterable[Iterable[object]]
    url: str = ""
    permission: str = ""


SectionMaker = Callable[["CreditAccount"], AccountSection]

_makers: list[SectionMaker] = []


def account_section(make: SectionMaker) -> SectionMaker:
    """A decorator, for an app's `admin.py`. The sections stand in the order in which they were added."""
    if make not in _makers:
        _makers.append(make)
    return make


def sections_of(account: CreditAccount, user: Any) -> list[AccountSection]:
    made = [make(account) for make in _makers]
    return [each for each in made if not each.permission or user.has_perm(each.permission)]
