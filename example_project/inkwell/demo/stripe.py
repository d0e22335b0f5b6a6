"""Stripe, played within the demo's own process, and the time that both share."""

from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from inkwell.demo.clock import let_time_travel, travel_to
from quickscale_billing.stripe import endpoints
from quickscale_billing.testing import StripeSimulator
from quickscale_billing.windows import moment

# Stripe collects the money of a new period an hour after it has begun.
COLLECTED = timedelta(hours=2)
SWEEPS = ("settle_facts", "refill_credits", "expire_credits", "top_up", "write_reminders", "send_mail")

simulator = StripeSimulator(port=settings.SIMULATOR_PORT)


@contextmanager
def simulated_stripe():
    let_time_travel()
    simulator.sandbox.after_moving.insert(0, follow)
    with simulator:
        yield simulator


def follow():
    """Before the webhooks go out that tell what has happened on the way."""
    travel_to(simulator.clock.now)


def open_shop(address):
    """What is sold, where Stripe tells us that it was paid, and what letters link to."""
    settings.QUICKSCALE_BILLING = settings.QUICKSCALE_BILLING | {"SITE_URL": address.rstrip("/")}
    call_command("sync_catalog", verbosity=0)
    endpoints.create(address)


def next_day():
    pass_time_until(timezone.now() + timedelta(days=1))


def next_month():
    pass_time_until(moment(timezone.now(), "month", 1) + COLLECTED)


def pass_time_until(end):
    """Day by day, as life goes: Stripe's day first, then ours with the sweeps that a scheduler would run."""
    while timezone.now() < end:
        today = min(end, timezone.now() + timedelta(days=1))
        simulator.clock.advance_to(today)
        for command in SWEEPS:
            call_command(command, verbosity=0)
