"""The algorithm of QuickScale 0.41, in words of our own: a balance is kept nowhere, it is added up each time.

Under the account's row lock three sums over its history: what was given and is alive, what was spent, and both again
by type. Then an entry for each type that pays.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from benchmarks.models import SummedAccount, SummedEntry

ONE = Decimal(1)
BOUGHT, SUBSCRIBED = "pay_as_you_go", "subscription"
SPENT = {BOUGHT: "spent pay_as_you_go", SUBSCRIBED: "spent subscription"}


class Summing:
    name = "summing (0.41)"

    def prepare(self, count: int, entries: int = 0) -> list[int]:
        """Rich accounts, each with so many earlier spends."""
        accounts = SummedAccount.objects.bulk_create([SummedAccount(name=f"{number}") for number in range(count)])
        for account in accounts:
            SummedEntry.objects.create(account=account, amount=10**9, credit_type=BOUGHT)
            spends = (SummedEntry(account=account, amount=-ONE, credit_type=SPENT[BOUGHT]) for _ in range(entries))
            SummedEntry.objects.bulk_create(spends, batch_size=2000)
        return [account.pk for account in accounts]

    def connect(self, accounts: Sequence[int]) -> None: ...

    @transaction.atomic
    def spend(self, account: int) -> None:
        SummedAccount.objects.select_for_update().get(pk=account)
        entries = SummedEntry.objects.filter(account_id=account)
        alive = Q(credit_type=BOUGHT) | Q(credit_type=SUBSCRIBED) & (
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
        )
        given = entries.filter(alive, amount__gt=0).aggregate(sum=Sum("amount"))["sum"] or 0
        spent = entries.filter(credit_type__in=SPENT.values(), amount__lt=0).aggregate(sum=Sum("amount"))["sum"] or 0
        assert given + spent >= ONE
        by_type = entries.aggregate(
            **{name: Sum("amount", filter=alive & Q(credit_type=name)) for name in SPENT},
            **{f"less_{name}": Sum("amount", filter=Q(credit_type=SPENT[name])) for name in SPENT},
        )
        assert (by_type[BOUGHT] or 0) + (by_type[f"less_{BOUGHT}"] or 0) >= ONE
        SummedEntry.objects.create(account_id=account, amount=-ONE, credit_type=SPENT[BOUGHT], description="report")
