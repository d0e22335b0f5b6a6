"""Who reads a letter, where, and in which language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from quickscale_billing.conf import conf
from quickscale_billing.models import Mail
from quickscale_credits.models import CreditAccount


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What `MAIL_READER` answers for an owner. Without addresses nothing is sent; an empty language or time zone is
    the site's own."""

    to: Sequence[str]
    language: str = ""
    time_zone: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.to, str):
            raise TypeError(f"`to` is a list of addresses, not {self.to!r}.")


def reader_of(mail: Mail) -> Reader:
    if mail.is_to_staff or mail.account is None:
        return Reader(to=staff())
    owner: Any = mail.account.owner
    if owner is not None and conf.MAIL_READER is not None:
        return conf.MAIL_READER(owner)
    return Reader(to=[address for address in [_address(mail.account)] if address])


def staff() -> list[str]:
    """`MAIL_STAFF`, else the addresses of `ADMINS`."""
    return conf.MAIL_STAFF if conf.MAIL_STAFF is not None else list(_addresses(settings.ADMINS))


def _address(account: CreditAccount) -> str:
    """The owner's own, else the one that Stripe was told."""
    customer = account.customers.filter(is_current=True).first()
    return getattr(account.owner, "email", "") or (customer.email if customer else "")


def _addresses(admins: Iterable[Any]) -> Iterable[str]:
    """Django 6 has addresses there, earlier versions pairs of a name and one."""
    return (each if isinstance(each, str) else each[1] for each in admins)
