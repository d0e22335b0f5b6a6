"""The simulator's own time, in whole seconds, which stands still until it is told to move."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Target = Callable[[int], int]


class Clock:
    """Moving it does what falls due on the way, in order, each at its own moment."""

    def __init__(self, run_until: Callable[[Target], None], start: datetime | None = None) -> None:
        self.seconds = int(start.timestamp() if start else time.time())
        self.run_until = run_until

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def advance(self, step: timedelta) -> datetime:
        """Forward by `step`; the webhooks of what happened on the way are delivered before it returns."""
        self.run_until(lambda now: now + int(step.total_seconds()))
        return self.now

    def advance_to(self, moment: datetime) -> datetime:
        self.run_until(lambda now: int(moment.timestamp()))
        return self.now
