from typing import Any

from quickscale_credits.ledger.expiring import expire_each
from quickscale_credits.management.ledger_command import LedgerCommand


class Command(LedgerCommand):
    help = (
        "Book what has expired: grants and holds whose time is over. Balances count it as gone anyway. "
        "Run it every hour or so; two at once do no harm."
    )

    def run(self, **options: Any) -> None:
        booked = sum(self.counted(expire_each(), "accounts"))
        self.stdout.write(f"{booked} expiries booked.")
