from typing import Any

from quickscale_billing import charging
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = (
        "Buy a pack for each owner who agreed to it and whose credits have run low, and bring to an end what was "
        "begun. Run it every minute; two at once do no harm."
    )

    def run(self, **options: Any) -> None:
        outcomes = list(self.counted(charging.sweep_each(), "accounts"))
        self.stdout.write(f"{sum(outcomes)} topped up.")
