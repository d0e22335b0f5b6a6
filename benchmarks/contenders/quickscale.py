from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User

from benchmarks.people import make_people
from quickscale_credits import ledger

CREDITS = 10**9


class QuickScale:
    name = "quickscale"

    def prepare(self, count: int) -> list[int]:
        people = make_people(count)
        for person in people:
            ledger.grant(person, CREDITS)
            ledger.spend(person, 1, reason="report")  # the first one finds the head
        return [person.pk for person in people]

    def connect(self, accounts: Sequence[int]) -> None:
        self.people = User.objects.in_bulk(set(accounts))

    def spend(self, account: int) -> Any:
        return ledger.spend(self.people[account], 1, reason="report")
