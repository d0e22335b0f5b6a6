"""Months of a business, made up by chance from a seed: credits of all types come, go, are returned and expire."""

from datetime import timedelta
from decimal import Decimal
from random import Random

from django.utils import timezone

from quickscale_credits import ledger
from quickscale_credits.exceptions import CreditsError
from quickscale_credits.models import CreditType, LedgerEntry
from quickscale_credits.testing import fund
from tests.credits.commands import run

REASONS = ("page", "image", "translation")


class Business:
    """Steps of hours. Now and then somebody rolls up, so that reports are made of rollups and entries in every mix."""

    def __init__(self, clock, owners, *, seed=1):
        self.clock, self.owners, self.chance = clock, owners, Random(seed)

    def run(self, steps, *, pause=timedelta(hours=30)):
        """With less than a pause between any two."""
        for _ in range(steps):
            self.clock.shift(timedelta(minutes=self.chance.randrange(1, pause // timedelta(minutes=1))))
            action = self.chance.choices(
                [self.buy, self.spend, self.give_back, self.take_back, self.correct, self.move, self.hold, self.sweep],
                [5, 12, 2, 1, 1, 1, 2, 2],
            )[0]
            self.attempt(action)
            if self.chance.random() < 0.02:
                run("rollup_usage")

    @staticmethod
    def attempt(action):
        """What an owner cannot afford does not happen."""
        try:
            action()
        except CreditsError:
            return

    def amount(self, most):
        return Decimal(self.chance.randrange(1, most * 10**6)) / 10**6

    def somebody(self):
        return self.chance.choice(self.owners)

    def buy(self):
        lasting = self.chance.choice([None, timedelta(days=2), timedelta(days=40)])
        fund(
            self.somebody(),
            self.amount(100),
            credit_type=self.chance.choice(CreditType.values),
            expires_at=timezone.now() + lasting if lasting else None,
            reason="pack",
        )

    def spend(self):
        return ledger.spend(self.somebody(), self.amount(60), reason=self.chance.choice(REASONS))

    def give_back(self):
        spend = LedgerEntry.objects.filter(kind="spend").order_by("-pk").first()
        if spend:
            ledger.reverse(spend, min(self.amount(10), -spend.amount), reason="complaint")

    def take_back(self):
        entry = LedgerEntry.objects.filter(kind="grant", grant__isnull=False).order_by("-pk").first()
        if entry:
            ledger.revoke(entry.grant, reason="refund")

    def correct(self):
        ledger.adjust(self.somebody(), self.amount(9) * self.chance.choice([1, -1]), reason="correction")

    def move(self):
        ledger.transfer(*self.chance.sample(self.owners, 2), self.amount(20), reason="gift")

    def hold(self):
        held = ledger.hold(self.somebody(), self.amount(30), reason="work", expires_in=timedelta(days=2))
        if self.chance.random() < 0.6:
            ledger.capture(held, held.amount / 2 if held.amount * 10**6 % 2 == 0 else None)

    def sweep(self):
        """Sometimes as of an earlier moment, as a sweep that was long under way."""
        ledger.expire(now=timezone.now() - timedelta(hours=self.chance.choice([0, 0, 5])))
