from typing import Any

from quickscale_billing import refilling
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = (
        "Give the refills that have fallen due in paid time. Stripe is not asked. "
        "Run it as often as your shortest refill deserves, such as every ten minutes; two at once do no harm."
    )

    def run(self, **options: Any) -> None:
        made = sum(self.counted(refilling.sweep_each(), "subscriptions"))
        self.stdout.write(f"{made} refills made.")
