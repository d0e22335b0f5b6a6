"""A month of random traffic, in which of one of two twins 30 % of the webhooks are lost and 30 % come twice.

Both do the same at Stripe at the same moments. After one `--repair` the second has what the first has, but for refills
whose time was over before anybody heard of them, and what a dispute would have frozen of these; a second repair finds
nothing.
"""

import json
import os
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from stripe import CardError

from quickscale_billing import checkout, reconciliation
from quickscale_billing.customers import customer_of
from quickscale_billing.models import CreditPack, PaidSegment, PlanPrice, Refill
from quickscale_billing.stripe.client import stripe_client
from quickscale_billing.testing.errors import StripeError
from quickscale_credits import ledger
from tests.billing.time import Calendar
from tests.billing.webhooks import connect

pytestmark = pytest.mark.once

SEEDS = range(int(os.environ.get("QUICKSCALE_MONTHS", 2)))
DAY = timedelta(days=1)
LOST, DOUBLED = 0.3, 0.3


class Twin:
    """Acts at Stripe alone, as on its pages and dashboard: our rows may not know of anything."""

    def __init__(self, shop: Any, name: str) -> None:
        self.shop = shop
        self.owner = get_user_model().objects.create_user(name, email=f"{name}@example.com")
        self.customer = str(customer_of(self.owner).stripe_id)

    def subscription(self) -> Any:
        found = [
            each for each in self.shop.sandbox.all("subscription", customer=self.customer) if each["status"] in LIVE
        ]
        return found[0] if found else None

    def buy(self, chance: random.Random) -> None:
        self.pay(checkout.start(self.owner, chance.choice(["small", "large"])))

    def pay(self, session: Any) -> None:
        with suppress(StripeError):  # declined, after `decline`
            self.shop.pay(session)

    def subscribe(self, chance: random.Random) -> None:
        plan, interval = chance.choice(["basic", "pro"]), chance.choice(["month", "year"])
        self.pay(checkout.start(self.owner, plan, interval=interval))

    def upgrade(self, chance: random.Random) -> None:
        if found := self.subscription():
            item = stripe_client().v1.subscriptions.retrieve(found["id"]).to_dict()["items"]["data"][0]["id"]
            price = PlanPrice.objects.get(plan__slug="pro", interval="month").stripe_price_id
            changes = {"items": [{"id": item, "price": price}], "proration_behavior": "always_invoice"}
            stripe_client().v1.subscriptions.update(found["id"], changes)

    def cancel(self, chance: random.Random) -> None:
        at_end = chance.random() < 0.7
        if found := self.subscription():
            if at_end:
                stripe_client().v1.subscriptions.update(found["id"], {"cancel_at_period_end": True})
            else:
                stripe_client().v1.subscriptions.cancel(found["id"])

    def resume(self, chance: random.Random) -> None:
        if found := self.subscription():
            stripe_client().v1.subscriptions.update(found["id"], {"cancel_at_period_end": False})

    def top_up(self, chance: random.Random) -> None:
        """As ours do it, of which no row is here."""
        cards = self.shop.sandbox.all("payment_method", customer=self.customer)
        if not cards:
            return
        client, metadata = stripe_client().v1, {"quickscale_topup": str(uuid4())}
        made = client.invoices.create({"customer": self.customer, "auto_advance": False, "metadata": metadata})
        price = CreditPack.objects.get(slug="small").stripe_price_id
        client.invoice_items.create({"customer": self.customer, "invoice": made.id, "pricing": {"price": price}})
        with suppress(CardError):  # declined, after `decline`
            client.invoices.pay(made.id, {"payment_method": cards[-1]["id"]})

    def decline(self, chance: random.Random) -> None:
        self.shop.decline_next(self.customer)

    def refund(self, chance: random.Random) -> None:
        share = chance.choice([0.3, 0.5, 1])
        charges = [each for each in self.charges() if not each["amount_refunded"] and not each["disputed"]]
        if charges:
            amount = max(1, int(charges[-1]["amount"] * share))
            stripe_client().v1.refunds.create({"charge": charges[-1]["id"], "amount": amount})

    def dispute(self, chance: random.Random) -> None:
        charges = [each for each in self.charges() if not each["amount_refunded"] and not each["disputed"]]
        if charges:
            self.shop.dispute(charges[0]["id"])

    def charges(self) -> list[Any]:
        return [each for each in self.shop.sandbox.all("charge", customer=self.customer) if each["paid"]]

    def has(self) -> dict[str, Any]:
        """What they have in the end, without the names that Stripe has for it."""
        account = self.owner.credit_account
        skipped = Refill.objects.filter(subscription__account=account, state="skipped")
        return {
            "credits": ledger.balance(self.owner).by_type,
            "subscriptions": sorted(
                account.subscriptions.values_list("status", "price", "current_period_end"), key=repr
            ),
            "invoices": sorted(account.invoices.values_list("status", "total", "created_at"), key=repr),
            "payments": sorted(account.payments.values_list("amount", "refunded", "disputed", "paid_at"), key=repr),
            "segments": sorted(
                PaidSegment.objects.filter(subscription__account=account).values_list(
                    "plan", "starts_at", "ends_at", "closed_at", "credits"
                ),
                key=repr,
            ),
            "skipped": set(skipped.values_list("starts_at", flat=True)),
        }


LIVE = {"active", "trialing", "past_due"}
ACTS = ["buy", "top_up", "resume", "upgrade", "cancel", "decline", "refund", "dispute", "nothing", "nothing"]


def lose_some(shop: Any, unlucky: Twin, chance: random.Random) -> dict[str, int]:
    """Between the simulator and the view; answers how many were lost and doubled."""
    send, counted = shop.webhooks.send, {"lost": 0, "doubled": 0, "all": 0}

    def sent(address: str, body: bytes, headers: dict[str, str]) -> int:
        told = json.loads(body)["data"]["object"]
        charge = shop.sandbox.by_id.get(told.get("charge") or "", {})
        if (told.get("customer") or charge.get("customer")) != unlucky.customer:
            return int(send(address, body, headers))
        counted["all"] += 1
        drawn = chance.random()
        if drawn < LOST:
            counted["lost"] += 1
            return 200
        if drawn < LOST + DOUBLED:
            counted["doubled"] += 1
            send(address, body, headers)
        return int(send(address, body, headers))

    shop.webhooks.send = sent
    return counted


@pytest.mark.parametrize("seed", SEEDS)
def test_one_repair_makes_good_what_a_month_has_lost(clock: Any, shop: Any, seed: int) -> None:
    chance = random.Random(f"month {seed}")
    calendar = Calendar(clock, shop)
    connect(shop)
    lucky, unlucky = twins = Twin(shop, "lucky"), Twin(shop, "unlucky")
    counted = lose_some(shop, unlucky, random.Random(f"faults {seed}"))
    for twin in twins:
        twin.subscribe(random.Random(seed))
    for _day in range(33):
        act, state = chance.choice(ACTS), chance.random()
        for twin in twins:
            if act != "nothing":
                getattr(twin, act)(random.Random(state))
        calendar.shift(DAY)
        calendar.sweep()
        call_command("settle_facts", verbosity=0)
    assert counted["lost"], counted
    assert counted["doubled"], counted
    since = timezone.now() - 60 * DAY
    reconciliation.repair(reconciliation.drift(since))
    assert reconciliation.drift(since) == []
    ledger.expire()
    first, second = lucky.has(), unlucky.has()
    assert first.pop("skipped") <= second.pop("skipped")
    assert first == second
