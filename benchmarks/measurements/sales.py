"""The panels about sales for twelve months, and what it takes to add the payments up."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db.models import Count, Sum

from benchmarks.filling import tidy_up
from benchmarks.measurements import Run
from benchmarks.panels import against, month_of, panels_of
from benchmarks.results import Result
from benchmarks.selling import MONTHS, sell
from quickscale_billing.models import Payment
from quickscale_credits.analytics import rolling, statistics


def twelve_months(run: Run) -> Iterator[Result]:
    sell(run.scale.payments // MONTHS)
    start = time.perf_counter()
    for rollup in rolling.registered.values():
        for _ in rollup.roll_up():
            pass
    seconds = time.perf_counter() - start
    tidy_up()
    statistics.renew()
    yield against(
        _from_payments,
        panels_of("quickscale_billing"),
        run,
        over=f"{Payment.objects.count():,} payments",
        note=f"rolling up took {seconds:.0f} seconds",
    )


def _from_payments() -> None:
    """What one of the panels' charts shows: gross by month and currency."""
    months = Payment.objects.order_by().values("currency", month=month_of("paid_at"))
    list(months.annotate(number=Count("pk"), total=Sum("amount"), of_tax=Sum("tax")))
