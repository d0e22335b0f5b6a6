from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hordak.models import Account, AccountType
from moneyed import Money

ONE = Money(1, "EUR")


class Hordak:
    """`transfer_to` of django-hordak, from a customer's account to one of income; it checks no balance."""

    name = "django-hordak"

    def prepare(self, count: int) -> list[int]:
        Account.objects.get_or_create(name="Income", type=AccountType.income, code="0", currencies=["EUR"])
        accounts = [
            Account.objects.create(name=f"{number}", type=AccountType.asset, currencies=["EUR"])
            for number in range(count)
        ]
        return [account.pk for account in accounts]

    def connect(self, accounts: Sequence[int]) -> None:
        self.accounts = Account.objects.in_bulk(set(accounts))
        self.income = Account.objects.get(name="Income")

    def spend(self, account: int) -> Any:
        return self.accounts[account].transfer_to(self.income, ONE)
