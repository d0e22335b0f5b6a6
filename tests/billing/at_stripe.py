"""A Stripe to tell stories to: the simulator, or a sandbox of Stripe's own whose key is in `STRIPE_TEST_KEY`.

The buyer is on a test clock (https://docs.stripe.com/billing/testing/test-clocks), which is deleted afterwards with all
that is on it. Stripe's own pages are paid in Chromium, in another process, for the time of this one stands still.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from quickscale_billing import checkout, facts
from quickscale_billing.models import CheckoutSession, Customer
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits.ledger.accounts import open_account

VISA = "4242424242424242"
PATIENCE = 180
"""Seconds."""


@dataclass
class World:
    """Time, and what a buyer on a test clock does at Stripe. Nothing is heard of it until `hear`."""

    clock: Any
    buyer: Any
    test_clock: str = ""

    def begin(self) -> None:
        v1 = stripe_client().v1
        self.test_clock = v1.test_helpers.test_clocks.create({"frozen_time": int(timezone.now().timestamp())}).id
        made = v1.customers.create({"test_clock": self.test_clock, "email": self.buyer.email})
        Customer.objects.create(account=open_account(self.buyer), stripe_id=made.id, email=self.buyer.email)

    def end(self) -> None:
        stripe_client().v1.test_helpers.test_clocks.delete(self.test_clock)

    def pay(self, session: CheckoutSession, card: str) -> None:
        raise NotImplementedError

    def buy(self, item: str, card: str = VISA, **options: Any) -> CheckoutSession:
        session = checkout.start(self.buyer, item, **options)
        self.pay(session, card)
        return session

    def subscribe(self, plan: str, **options: Any) -> None:
        self.buy(plan, **options)
        self.hear()

    def move_to(self, moment: datetime) -> None:
        """Ours first: what Stripe does on the way, it tells afterwards."""
        self.clock.move_to(moment, tick=False)
        clocks = stripe_client().v1.test_helpers.test_clocks
        clocks.advance(self.test_clock, {"frozen_time": int(moment.timestamp())})
        for _ in range(PATIENCE // 2):
            if clocks.retrieve(self.test_clock).status == "ready":
                return
            time.sleep(2)
        raise AssertionError(f"Stripe has not moved the test clock within {PATIENCE} seconds.")

    def shift(self, step: timedelta) -> None:
        self.move_to(timezone.now() + step)
        self.hear()

    def hear(self) -> None:
        """What the events about the buyer's objects would have called: Stripe cannot reach a test by webhook."""
        v1, of_buyer = stripe_client().v1, {"customer": self.customer, "limit": 100}
        for session in v1.checkout.sessions.list(of_buyer).data:
            facts.settle_session(session.id)
        for subscription in v1.subscriptions.list(of_buyer | {"status": "all"}).data:
            facts.settle_subscription(subscription.id)
        for intent in v1.payment_intents.list(of_buyer).data:
            facts.settle_payment(intent.id)

    def sweep(self) -> None:
        call_command("refill_credits", verbosity=0)

    @property
    def customer(self) -> str:
        return str(Customer.objects.get(account__owner=self.buyer).stripe_id)


@dataclass(kw_only=True)
class AtSimulator(World):
    simulator: Any

    def pay(self, session: CheckoutSession, card: str) -> None:
        self.simulator.pay(session, card)


@dataclass(kw_only=True)
class AtStripe(World):
    chromium: str

    def pay(self, session: CheckoutSession, card: str) -> None:
        command = [sys.executable, "-m", "tests.billing.paying_at_stripe", self.chromium, session.url, card]
        subprocess.run(command, check=True, timeout=PATIENCE)
