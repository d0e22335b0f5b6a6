"""One change of a customer's cards at a time, though Stripe cannot be asked while a row is locked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from quickscale_billing.exceptions import StripeUnavailable
from quickscale_billing.models import Customer

# Longer than the calls of one change can last: what a process left behind that died does not hold up others for good.
LEASE: Final = timedelta(minutes=2)
WAITS: Final = (0.1, 0.2, 0.4, 0.8)
"""Seconds between looks at whether the other change is done."""


@contextmanager
def changing_cards(customer: Customer | None) -> Iterator[None]:
    """Nobody else changes them meanwhile: of two removed at once, each would be counted on to replace the other.

    Waits a moment for another change, then raises `StripeUnavailable`. Nobody has no cards.
    """
    if customer is None:
        yield
        return
    since = _leased(customer)
    try:
        yield
    finally:
        Customer.objects.filter(pk=customer.pk, changing_cards_since=since).update(changing_cards_since=None)


def _leased(customer: Customer) -> datetime:
    for seconds in (*WAITS, 0):
        since = timezone.now()
        free = Q(changing_cards_since=None) | Q(changing_cards_since__lt=since - LEASE)
        if Customer.objects.filter(free, pk=customer.pk).update(changing_cards_since=since):
            return since
        time.sleep(seconds)
    raise StripeUnavailable("Another of these cards is being changed: try again in a moment.")
