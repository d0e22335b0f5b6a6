"""A simulator that runs by itself, for a demo: webhooks go out as they arise, and time passes."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quickscale_billing.testing.simulator import StripeSimulator

LOOK_EVERY = 1.0
"""Seconds; what arises in between wakes it at once."""


class Keeper:
    """A thread that delivers what waits and, if `ticking`, keeps the simulator's clock as far ahead of real time as
    somebody has advanced it."""

    def __init__(self, simulator: StripeSimulator, *, ticking: bool) -> None:
        self.simulator = simulator
        self.ticking = ticking
        self.stopped = threading.Event()
        self.seen = self.real()
        self.thread = threading.Thread(target=self.run, name="stripe-simulator-keeper", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self.simulator.webhooks.arrived.set()
        self.thread.join()

    def run(self) -> None:
        arrived = self.simulator.webhooks.arrived
        while not self.stopped.is_set():
            arrived.wait(LOOK_EVERY)
            arrived.clear()
            if self.ticking:
                self.tick()
            self.simulator.webhooks.flow()

    def tick(self) -> None:
        """As much as real time has gone on since the last tick."""
        now = self.real()
        passed, self.seen = now - self.seen, now
        if passed > 0:
            self.simulator.clock.advance(timedelta(seconds=passed))

    @staticmethod
    def real() -> int:
        return int(time.time())
