"""The one place that tells what has happened in billing: letters within the transaction, signals after its commit."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

from quickscale_billing.mail import news


def announce(signal: Signal, sender: type, **told: Any) -> None:
    """No receiver harms another, nor what is announced."""
    news.write(signal, told)
    transaction.on_commit(partial(signal.send_robust, sender=sender, **told), robust=True)
