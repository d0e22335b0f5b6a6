"""The one place that sends signals of billing: after the commit, and so that no receiver harms another."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal


def announce(signal: Signal, sender: type, **told: Any) -> None:
    transaction.on_commit(partial(signal.send_robust, sender=sender, **told), robust=True)
