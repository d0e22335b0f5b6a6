"""Django's clock and the simulator's, moved together."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.management import call_command


@dataclass
class Calendar:
    clock: Any
    simulator: Any

    def shift(self, step: timedelta) -> None:
        """Ours first: what Stripe does on the way, it tells afterwards."""
        self.clock.shift(step)
        self.simulator.clock.advance(step)

    def move_to(self, moment: datetime) -> None:
        self.shift(moment - self.simulator.clock.now)

    def sweep(self) -> None:
        call_command("refill_credits", verbosity=0)
