"""A year of sales, written past everything that asks Stripe: subscribers who pay by the month, packs, refunds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.db import models, transaction
from django.utils import timezone

from benchmarks.people import make_people
from quickscale_billing.models import (
    CreditPack,
    Dispute,
    Fact,
    Invoice,
    PaidSegment,
    Payment,
    Plan,
    PlanPrice,
    PlanSubscription,
    Purchase,
    Refill,
    Refund,
)
from quickscale_credits.models import CreditAccount, CreditGrant, LedgerEntry

MONTHS = 12
MONTH = timedelta(days=365) / MONTHS
AT_ONCE = 500
CURRENCIES = ("usd", "eur", "jpy")
PACK_OF, REFUND_OF, DISPUTE_OF = 10, 25, 200  # of so many subscribers or payments, one

M = TypeVar("M", bound=models.Model)


def sell(people: int) -> None:
    """So many subscribers, each of whom has paid for the last twelve months."""
    plans = [Plan.objects.create(slug=name, name=name, credits=100) for name in ("small", "middle", "large")]
    prices = [
        PlanPrice.objects.create(plan=plan, amount=1_999, currency=currency)
        for plan in plans
        for currency in CURRENCIES
    ]
    pack = CreditPack.objects.create(slug="pack", name="pack", credits=100, amount=900, currency="usd")
    for first in range(0, people, AT_ONCE):
        with transaction.atomic():
            numbers = range(first, min(people, first + AT_ONCE))
            accounts = _made(CreditAccount(owner=owner) for owner in make_people(len(numbers)))
            for year in [_subscribe(accounts, numbers, prices), _buy(accounts[::PACK_OF], pack)]:
                _take_back(year)


def _made(rows: Iterable[M]) -> list[M]:
    rows = list(rows)
    return list(type(rows[0])._default_manager.bulk_create(rows)) if rows else []


def _subscribe(accounts: list[CreditAccount], numbers: range, prices: list[PlanPrice]) -> list[Payment]:
    now = timezone.now()
    subscriptions = _made(
        PlanSubscription(
            account=account,
            stripe_id=f"sub_{number}",
            stripe_customer_id=f"cus_{number}",
            price=prices[number % len(prices)],
            status="active",
            created_at=now - (MONTHS - 1) * MONTH - timedelta(minutes=number % 40_000),  # so that the last month lasts
            retrieved_at=now,
        )
        for account, number in zip(accounts, numbers, strict=True)
    )
    return [payment for month in range(MONTHS) for payment in _renew(subscriptions, month)]


def _renew(subscriptions: list[PlanSubscription], month: int) -> list[Payment]:
    segments = _made(_segment(each, month) for each in subscriptions)
    invoices = _made(_invoice(each) for each in segments)
    _refill(segments, month)
    return _made(
        Payment(
            account=invoice.account,
            invoice=invoice,
            stripe_payment_intent_id=invoice.stripe_id.replace("in", "pi"),
            amount=invoice.total,
            tax=invoice.tax,
            currency=invoice.currency,
            paid_at=invoice.created_at,
        )
        for invoice in invoices
    )


def _segment(subscription: PlanSubscription, month: int) -> PaidSegment:
    price, begins = subscription.price, subscription.created_at + month * MONTH
    return PaidSegment(
        subscription=subscription,
        plan=price.plan,
        starts_at=begins,
        ends_at=begins + MONTH,
        anchor=begins,
        credits=100,
        refill_every="month",
        unused="expire",
        interval="month",
        amount=price.amount,
        # An upgrade in the middle of the year: most runs of equal months are that long.
        monthly=price.amount + 500 * (month >= MONTHS // 2),
        currency=price.currency,
        stripe_price_id="price_1",
        stripe_invoice_id=f"in_{subscription.pk}_{month}",
        stripe_line_id=f"il_{subscription.pk}_{month}",
    )


def _invoice(segment: PaidSegment) -> Invoice:
    return Invoice(
        account=segment.subscription.account,
        subscription=segment.subscription,
        stripe_id=segment.stripe_invoice_id,
        status="paid",
        currency=segment.currency,
        attempts=1 + (segment.subscription_id % 20 == 0),
        total=segment.amount * 119 // 100,
        tax=segment.amount * 19 // 100,
        created_at=segment.starts_at,
    )


def _refill(segments: list[PaidSegment], month: int) -> None:
    """Only of the last month something is left."""
    is_last = month == MONTHS - 1
    refills = _made(
        Refill(
            subscription=each.subscription,
            period=each,
            starts_at=each.starts_at,
            ends_at=each.ends_at,
            full_length=MONTH,
            credits=100,
        )
        for each in segments
    )
    left = {"remaining": Decimal(60)} if is_last else {"remaining": Decimal(0), "state": CreditGrant.State.SPENT}
    entries = _given([(each.subscription.account, each.ends_at) for each in segments], month + 1, left)
    _made(
        Fact(
            key=f"refill:{refill.pk}",
            kind="refill",
            account_id=entry.account_id,
            entry=entry,
            refill=refill,
            stripe_id="in_1",
        )
        for refill, entry in zip(refills, entries, strict=True)
    )


def _given(to: list[tuple[CreditAccount, Any]], sequence: int, left: dict[str, Any]) -> list[LedgerEntry]:
    grants = _made(
        CreditGrant(
            account=account,
            credit_type="subscription",
            priority=10,
            expires_at=expires_at,
            amount=Decimal(100),
            seal=0,
            **left,
        )
        for account, expires_at in to
    )
    entries = _made(
        LedgerEntry(
            account_id=grant.account_id,
            sequence=sequence,
            kind="grant",
            amount=grant.amount,
            balance_after=grant.amount,
            grant=grant,
            reason="plan",
            seal=0,
        )
        for grant in grants
    )
    for grant, entry in zip(grants, entries, strict=True):
        grant.entry = entry
    CreditGrant.objects.bulk_update(grants, ["entry"], batch_size=100)
    return entries


def _buy(accounts: list[CreditAccount], pack: CreditPack) -> list[Payment]:
    now = timezone.now()
    payments = _made(
        Payment(
            account=account,
            stripe_session_id=f"cs_{account.pk}",
            amount=1_071,
            tax=171,
            currency="usd",
            paid_at=now - timedelta(minutes=account.pk * 7919 % (365 * 24 * 60)),
        )
        for account in accounts
    )
    entries = _given([(account, None) for account in accounts], MONTHS + 1, {"remaining": Decimal(50)})
    _made(
        Purchase(
            account=payment.account,
            pack=pack,
            credits=100,
            amount=payment.amount,
            tax=payment.tax,
            currency=payment.currency,
            stripe_session_id=payment.stripe_session_id,
            stripe_line_id=f"li_{payment.pk}",
            payment=payment,
            entry=entry,
        )
        for payment, entry in zip(payments, entries, strict=True)
    )
    return payments


def _take_back(payments: list[Payment]) -> None:
    _made(
        Refund(
            payment=each,
            amount=each.amount // 2,
            currency=each.currency,
            status="succeeded",
            created_at=each.paid_at + timedelta(days=2),
        )
        for each in payments
        if each.pk % REFUND_OF == 0
    )
    _made(
        Dispute(
            payment=each,
            stripe_id=f"dp_{each.pk}",
            amount=each.amount,
            currency=each.currency,
            status="lost",
            opened_at=each.paid_at + timedelta(days=9),
            closed_at=each.paid_at + timedelta(days=30),
        )
        for each in payments
        if each.pk % DISPUTE_OF == 0
    )
