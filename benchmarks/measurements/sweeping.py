"""Booking what is due."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from benchmarks.measurements import Run
from benchmarks.people import make_people
from benchmarks.results import Result, spreads
from quickscale_credits import ledger
from quickscale_credits.models import CreditAccount

GRANTS_EACH = 10


def due_grants(run: Run) -> Iterator[Result]:
    """Half of them on accounts of their own, half ten to an account."""
    soon = timezone.now() + timedelta(hours=1)
    half = run.scale.due // 2
    for person in make_people(half):
        ledger.grant(person, 5, expires_at=soon)
    for person in make_people(half // GRANTS_EACH):
        for _ in range(GRANTS_EACH):
            ledger.grant(person, 5, expires_at=soon)
    assert CreditAccount.objects.exists()
    tracemalloc.start()
    start = time.perf_counter()
    booked = ledger.expire(now=soon)
    passed = time.perf_counter() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    yield Result(
        what=f"sweep of {booked:,} due grants",
        database=run.title,
        note=f"{passed:.1f} s in all under tracemalloc, at most {peak / 2**20:.1f} MB",
        times=spreads({"a grant": [passed / booked]}),
    )
