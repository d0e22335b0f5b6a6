"""What may happen at Stripe to one buyer, told in few words, and the rows that it must come to."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.test import override_settings

from quickscale_billing import charging, checkout, facts, subscriptions, topup
from quickscale_billing.exceptions import PaymentActionRequired
from quickscale_billing.models import (
    Clawback,
    Dispute,
    Fact,
    Invoice,
    PaidSegment,
    Payment,
    PlanSubscription,
    Purchase,
    Refill,
    Refund,
    TopUp,
)
from quickscale_billing.stripe import webhooks
from quickscale_billing.stripe.client import stripe_client
from quickscale_credits.ledger.joining import open_account
from quickscale_credits.models import LedgerEntry
from tests.billing.time import Calendar
from tests.billing.topping import add_card, agree
from tests.billing.transactions import rolled_back

HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=31)
StripeEvent = dict[str, Any]

SCENARIOS: dict[str, list[tuple[str, *tuple[Any, ...]]]] = {
    "a pack": [("buy", "large")],
    "two packs": [("buy", "large"), ("buy", "small")],
    "subscribe": [("buy", "pro")],
    "subscribe by the year": [("buy", "basic", {"interval": "year"})],
    "a pack and a subscription": [("buy", "small"), ("buy", "pro")],
    "a trial": [("buy", "studio")],
    "a trial that is paid": [("buy", "studio"), ("wait", 7 * DAY + 2 * HOUR)],
    "a trial that is canceled": [("buy", "studio"), ("cancel",)],
    "another plan in a trial": [("buy", "studio"), ("change", "pro")],
    "renew": [("buy", "pro"), ("wait", MONTH + 2 * HOUR)],
    "renew twice": [("buy", "basic"), ("wait", MONTH + 2 * HOUR), ("wait", MONTH)],
    "refill in a year": [("buy", "basic", {"interval": "year"}), ("wait", MONTH)],
    "upgrade": [("buy", "basic"), ("wait", 10 * DAY), ("change", "pro")],
    "upgrade at once": [("buy", "basic"), ("change", "pro")],
    "an upgrade that declines": [("buy", "basic"), ("wait", DAY), ("decline",), ("change", "pro")],
    "upgrade and renew": [("buy", "basic"), ("wait", 10 * DAY), ("change", "pro"), ("wait", 22 * DAY)],
    "month to year": [("buy", "pro"), ("wait", DAY), ("change", "pro", "year")],
    "month to year at once": [("buy", "pro"), ("change", "pro", "year")],
    "a downgrade to come": [("buy", "pro"), ("change", "basic")],
    "a downgrade that came": [("buy", "pro"), ("change", "basic"), ("wait", MONTH + 2 * HOUR)],
    "down and up again": [("buy", "basic"), ("wait", DAY), ("change", "pro"), ("change", "basic"), ("change", "pro")],
    "cancel": [("buy", "pro"), ("cancel",)],
    "cancel and resume": [("buy", "pro"), ("cancel",), ("resume",)],
    "the end": [("buy", "pro"), ("cancel",), ("wait", MONTH + 2 * HOUR)],
    "cancel now": [("buy", "pro"), ("cancel", {"at_period_end": False})],
    "a renewal that declines": [("buy", "basic"), ("decline",), ("wait", MONTH + 2 * HOUR)],
    "a pack paid back in part": [("buy", "large"), ("pay_back", 1470)],
    "a pack paid back twice": [("buy", "large"), ("pay_back", 1470), ("pay_back", 980)],
    "a pack paid back in vain": [("buy", "large"), ("pay_back", 1470), ("fail_refund",)],
    "a disputed pack": [("buy", "large"), ("dispute",)],
    "a dispute that is won": [("buy", "large"), ("dispute",), ("close_dispute", "won")],
    "a dispute that is lost": [("buy", "large"), ("pay_back", 1470), ("dispute",), ("close_dispute", "lost")],
    "an inquiry": [("buy", "large"), ("dispute", {"inquiry": True}), ("close_dispute", "lost")],
    "an inquiry paid back in part that becomes a dispute": [
        ("buy", "large"),
        ("dispute", {"inquiry": True}),
        ("pay_back", 1470),
        ("escalate",),
        ("close_dispute", "lost"),
    ],
    "a refund that fails while the rest is disputed": [
        ("buy", "large"),
        ("pay_back", 1470),
        ("dispute",),
        ("fail_refund",),
        ("close_dispute", "lost"),
    ],
    "a first period paid back": [("buy", "pro"), ("pay_back", 4900)],
    "a year paid back in part": [("buy", "basic", {"interval": "year"}), ("pay_back", 4500), ("wait", MONTH)],
    "a year that is disputed": [("buy", "basic", {"interval": "year"}), ("dispute",), ("wait", MONTH)],
    "a disputed year that is changed": [
        ("buy", "basic", {"interval": "year"}),
        ("dispute",),
        ("wait", 10 * DAY),
        ("change", "pro"),
    ],
    "a disputed month that is upgraded": [("buy", "basic"), ("dispute",), ("wait", 10 * DAY), ("change", "pro")],
    "a top-up": [("top_up",)],
    "a top-up that declines, and another": [("decline_anybody",), ("top_up",), ("wait", 2 * HOUR), ("top_up",)],
    "a top-up paid back in part and disputed": [
        ("top_up",),
        ("pay_back", 350),
        ("dispute",),
        ("close_dispute", "lost"),
    ],
    "a renewal that recovers": [("buy", "basic"), ("decline",), ("wait", MONTH + 2 * HOUR), ("wait", 9 * DAY)],
}
ROWS: dict[type, list[str]] = {
    Payment: ["stripe_payment_intent_id", "amount", "refunded", "disputed"],
    Invoice: ["stripe_id", "status", "total", "amount_paid", "attempts"],
    Refund: ["stripe_id", "amount", "status"],
    Dispute: ["stripe_id", "amount", "status", "closed_at"],
    Clawback: ["fact__key", "wanted", "taken"],
    Fact: ["key", "kind", "note", "stripe_id", "entry__amount", "refill__starts_at"],
    Purchase: ["stripe_line_id", "quantity", "amount", "credits", "entry__amount"],
    PaidSegment: ["stripe_line_id", "plan", "starts_at", "ends_at", "closed_at", "is_credited_back", "next_refill_at"],
    TopUp: ["status", "amount", "stripe_invoice_id", "purchase__amount"],
    Refill: ["starts_at", "ends_at", "credits", "state"],
    PlanSubscription: ["stripe_id", "status", "price", "next_price", "pending_price", "current_period_end", "ended_at"],
    LedgerEntry: ["sequence", "kind", "amount", "reason", "reference", "balance_after"],
}


@dataclass
class Play:
    """What happens at Stripe in a scenario, our own verbs included."""

    calendar: Calendar
    buyer: Any

    def events_of(self, scenario: str) -> list[StripeEvent]:
        """Played to its end. What our own verbs have booked on the way is rolled back: nothing was heard yet."""
        with rolled_back():
            for verb, *arguments in SCENARIOS[scenario]:
                options = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
                getattr(self, verb)(*arguments, **options)
        return [event for event in self.calendar.simulator.webhooks.pending if event["type"] in webhooks.EVENTS]

    def buy(self, item: str, **options: Any) -> None:
        session = checkout.start(self.buyer, item, **options)
        self.calendar.simulator.pay(session)
        facts.settle_session(str(session.stripe_id))

    def wait(self, time: timedelta) -> None:
        self.calendar.shift(time)
        if subscription := PlanSubscription.objects.first():
            facts.settle_subscription(subscription.stripe_id)

    def change(self, plan: str, interval: str = "month") -> None:
        with suppress(PaymentActionRequired):
            subscriptions.change_plan(self.buyer, plan, interval=interval)

    def cancel(self, *, at_period_end: bool = True) -> None:
        subscriptions.cancel(self.buyer, at_period_end=at_period_end)

    def resume(self) -> None:
        subscriptions.resume(self.buyer)

    def top_up(self) -> None:
        """Agreed to at first; the card declines, or what was agreed goes on."""
        if topup.current(self.buyer) is None:
            add_card(self.calendar.simulator, self.buyer)
            agree(self.buyer)
        with override_settings(QUICKSCALE_BILLING={"AUTO_TOP_UP": True}):
            charging.charge(open_account(self.buyer))

    def decline_anybody(self) -> None:
        self.calendar.simulator.decline_next()

    def pay_back(self, amount: int) -> None:
        intent = self.calendar.simulator.sandbox.all("payment_intent")[0]["id"]
        stripe_client().v1.refunds.create({"payment_intent": intent, "amount": amount})

    def fail_refund(self) -> None:
        self.calendar.simulator.fail_refund(self.calendar.simulator.sandbox.all("refund")[0])

    def dispute(self, **options: Any) -> None:
        self.calendar.simulator.dispute(self.calendar.simulator.sandbox.all("charge")[0], **options)

    def escalate(self) -> None:
        self.calendar.simulator.escalate(self.calendar.simulator.sandbox.all("dispute")[0])

    def close_dispute(self, status: str) -> None:
        self.calendar.simulator.close_dispute(self.calendar.simulator.sandbox.all("dispute")[0], status)

    def decline(self) -> None:
        self.calendar.simulator.decline_next(PlanSubscription.objects.get().stripe_customer_id)


def root_of(event: StripeEvent) -> str:
    """What was sold: the subscription that the event is about, else the session; or whose money went back."""
    told = event["data"]["object"]
    if told["object"] in {"charge", "refund", "dispute"}:
        return str(told["payment_intent"])
    details = (told.get("parent") or {}).get("subscription_details") or {}
    subscription = told.get("subscription") or told.get("released_subscription") or details.get("subscription")
    return subscription or told["id"]


def roots(events: Iterable[StripeEvent]) -> frozenset[str]:
    return frozenset(root_of(event) for event in events if "id" in event)


def rows(*, alone: bool) -> dict[type, list[Any]]:
    """Of two sales that have nothing to do with each other, either may be booked first."""
    running = () if alone else ("sequence", "balance_after")
    return {
        model: sorted(model.objects.values_list(*(each for each in columns if each not in running)), key=repr)
        for model, columns in ROWS.items()
    }
