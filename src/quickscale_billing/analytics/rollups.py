"""What `rollup_usage` does for the reports about sales: it adds payments up, and writes down how subscriptions changed.

This module is a `rolling.Rollup`.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction

from quickscale_billing.analytics import adding_up, changing
from quickscale_credits.analytics import rolling

name = "sales"
what = "payments and subscriptions"


def roll_up() -> Iterator[int]:
    rolling.make_watermark(name)
    for roll_up_page in (adding_up.roll_up_page, changing.roll_up_page):
        after = 0
        while page := roll_up_page(name, after):
            after, count = page
            yield count


def rebuild() -> Iterator[int]:
    """Forgets page by page, so that nobody waits long for a payment or a subscription: in between, what is forgotten is
    read live. Yields 0 for each of these pages."""
    using = rolling.database()
    rolling.made_watermark(name)
    rolling.require_time_zone_of_archives()  # before anything is forgotten
    for forget_page in (adding_up.forget_page, changing.forget_page):
        last = forget_page(name, 0)
        while last is not None:
            yield 0
            last = forget_page(name, last)
    with transaction.atomic(using=using):
        rolling.reset_watermark(name)
        adding_up.forget_the_rest()
        changing.forget_the_rest()
    yield from roll_up()


def problems() -> Iterator[str]:
    if rolling.usable_watermark(name) is not None:
        yield from adding_up.problems()
    yield from changing.problems()
