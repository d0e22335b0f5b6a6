"""What follows from what, and what the clock brings: the two tables that join the families."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from quickscale_billing.testing import checkout
from quickscale_billing.testing.sandbox import Due, Reaction, Sandbox

# Event → what the simulator does after it.
REACTIONS: dict[str, tuple[Reaction, ...]] = {
    "payment_intent.succeeded": (checkout.on_payment,),
}

# Families that know what falls due next, and when.
AGENDA: tuple[Callable[[Sandbox], Iterable[Due]], ...] = (checkout.agenda,)
