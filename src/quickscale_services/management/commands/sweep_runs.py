from typing import Any

from quickscale_credits.management.ledger_command import LedgerCommand
from quickscale_services.sweeping import sweep_runs


class Command(LedgerCommand):
    help = (
        "Settle runs whose process died, so that nothing is held or charged for them, hand runs to the queue again "
        "that no worker began, and blank outputs that were kept for a replay. Run it every minute or so; two at once "
        "do no harm."
    )

    def run(self, **options: Any) -> None:
        swept = sweep_runs()
        self.stdout.write(
            f"{swept.runs_expired} runs expired, {swept.runs_handed_over} handed over again, "
            f"{swept.outputs_blanked} outputs blanked."
        )
