"""A year of a business in plain rows: who subscribed, changed, paused, was refunded, went to the bank and came back."""

from datetime import timedelta
from random import Random

from django.utils import timezone

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
from quickscale_billing.windows import moment
from quickscale_credits import ledger
from quickscale_credits.ledger.accounts import open_account
from tests.credits.crowds import owners

CURRENCIES = ("usd", "jpy", "kwd")
AMOUNTS = {"day": 99, "week": 500, "month": 1_999, "year": 19_999}
MONTHS = {"day": 365, "week": 52, "month": 12, "year": 1}  # in a year


class Trade:
    """`run` writes the rows as they are written when Stripe tells of it, from 400 days ago until now."""

    def __init__(self, people: int, *, seed: int) -> None:
        self.chance, self.refilling = Random(seed), Random(seed)
        self.people = people
        self.number = 0
        self.now = timezone.now()
        self.plans = [Plan.objects.create(slug=name, name=name.title(), credits=100) for name in ("small", "large")]
        self.packs = [
            CreditPack.objects.create(
                slug=name, name=name.title(), credits=100, bonus_credits=7, amount=900, currency="usd"
            )
            for name in ("handful", "sack")
        ]
        for plan in self.plans:
            for currency in CURRENCIES:
                PlanPrice.objects.create(plan=plan, amount=1_999, currency=currency)

    def run(self) -> None:
        for owner in owners(self.people):
            account = open_account(owner)
            currency = self.chance.choice(CURRENCIES)
            at = self.now - timedelta(minutes=self.chance.randrange(400 * 24 * 60))
            while at < self.now and self.chance.random() < 0.8:
                if self.chance.random() < 0.3:
                    self.buy(account, currency, at)
                    at += timedelta(days=self.chance.randrange(60))
                else:
                    at = self.subscribe(account, currency, at) + timedelta(days=self.chance.choice([0, 0, 3, 40, 90]))

    def name(self, kind: str) -> str:
        self.number += 1
        return f"{kind}_{self.number}"

    def subscribe(self, account, currency, at):
        plan, interval = self.chance.choice(self.plans), self.chance.choice(["week", "month", "month", "month", "year"])
        sub = PlanSubscription.objects.create(
            account=account,
            stripe_id=self.name("sub"),
            stripe_customer_id="cus_1",
            status="active",
            created_at=at,
            retrieved_at=at,
            price=plan.prices.first(),
            trial_end=at if self.chance.random() < 0.3 else None,
        )
        anchor, number, paid = at, 0, self.chance.random() < 0.95
        while paid and at < self.now:
            number += 1
            ends_at = moment(anchor, interval, number)
            at = self.period(sub, plan, interval, currency, at, ends_at)
            if at < ends_at:
                plan = self.chance.choice(self.plans)
                at = self.period(sub, plan, interval, currency, at, ends_at, may_change=False)
            if self.chance.random() < 0.1:
                break
            if self.chance.random() < 0.05:  # its collection paused for some periods
                number += 2
                at = moment(anchor, interval, number)
        else:
            return at
        sub.status = "canceled"
        sub.ended_at = at if self.chance.random() < 0.8 else at - timedelta(days=2)
        sub.save()
        return at

    def period(self, sub, plan, interval, currency, starts_at, ends_at, *, may_change=True):
        full = AMOUNTS[interval] * (1 + self.plans.index(plan))
        discount = full * self.chance.choice([0, 0, 0, 10, 50]) // 100
        invoice = Invoice.objects.create(
            account=sub.account,
            subscription=sub,
            stripe_id=self.name("in"),
            status="paid",
            currency=currency,
            attempts=self.chance.choice([1, 1, 1, 1, 3]),
            total=full,
            created_at=starts_at,
        )
        closed_at = None
        if may_change and self.chance.random() < 0.08:
            closed_at = starts_at + (ends_at - starts_at) / 3
        segment = PaidSegment.objects.create(
            subscription=sub,
            plan=plan,
            starts_at=starts_at,
            ends_at=ends_at,
            closed_at=closed_at,
            anchor=starts_at,
            credits=100,
            refill_every=self.refilling.choice(["week", "month"]),
            unused="expire",
            interval=interval,
            amount=full,
            monthly=round((full - discount) * MONTHS[interval] / 12),
            currency=currency,
            stripe_price_id="price_1",
            stripe_invoice_id=invoice.stripe_id,
            stripe_line_id=self.name("il"),
        )
        if self.refilling.random() < 0.3:
            self.refill(segment)
        self.pay(sub.account, full - discount, currency, starts_at, invoice=invoice)
        if self.chance.random() < 0.05:
            self.leave_uncollected(sub, full, currency, starts_at)
        return closed_at or ends_at

    def refill(self, segment) -> None:
        """Who spends takes first what expires."""
        window = Refill.objects.create(
            subscription=segment.subscription,
            period=segment,
            starts_at=segment.starts_at,
            ends_at=segment.ends_at,
            full_length=segment.ends_at - segment.starts_at,
            credits=100,
        )
        account = segment.subscription.account
        expires_at = self.refilling.choice([None, self.now + timedelta(days=20)])
        entry = ledger.grant(account, 100, credit_type="subscription", reason="refill", expires_at=expires_at)
        Fact.objects.create(
            key=self.name("refill"),
            kind=Fact.Kind.REFILL,
            account=account,
            entry=entry,
            refill=window,
            stripe_id=segment.stripe_invoice_id,
            worth=100,
        )

    def leave_uncollected(self, sub, full, currency, at) -> None:
        """A later invoice, which nobody could collect."""
        Invoice.objects.create(
            account=sub.account,
            subscription=sub,
            stripe_id=self.name("in"),
            status=self.chance.choice(["open", "void", "uncollectible"]),
            currency=currency,
            attempts=self.chance.choice([0, 1, 4]),
            total=full + 33,
            tax=33,
            created_at=at,
        )

    def pay(self, account, net, currency, at, *, invoice=None):
        tax = net * self.chance.choice([0, 19, 7]) // 100
        paid = Payment.objects.create(
            account=account,
            invoice=invoice,
            stripe_payment_intent_id=self.name("pi"),
            amount=net + tax,
            tax=tax,
            currency=currency,
            paid_at=min(at, self.now),
        )
        for _ in range(self.chance.choice([0] * 10 + [1, 2, 3])):
            self.pay_back(paid)
        return paid

    def pay_back(self, paid) -> None:
        at = paid.paid_at + timedelta(hours=self.chance.randrange(2_000))
        left = paid.amount - paid.refunded
        amount = min(left, self.chance.choice([left, 1, paid.amount // 3]))
        if at > self.now or not amount:
            return
        if self.chance.random() < 0.3:
            Dispute.objects.create(
                payment=paid,
                stripe_id=self.name("dp"),
                amount=paid.amount,  # also of what was refunded: never more goes back than was paid
                currency=paid.currency,
                status=self.chance.choice(["lost", "lost", "won", "needs_response", "warning_closed"]),
                opened_at=at,
                closed_at=at,
            )
            return
        status = self.chance.choice(["succeeded", "succeeded", "pending", "failed", "requested"])
        Refund.objects.create(
            payment=paid, stripe_id=self.name("re"), amount=amount, currency=paid.currency, status=status, created_at=at
        )
        paid.refunded += amount if status in ("succeeded", "pending") else 0
        paid.save()

    def buy(self, account, currency, at) -> None:
        packs, quantity = (
            self.chance.sample(self.packs, self.chance.choice([1, 1, 1, 2])),
            self.chance.choice([1, 1, 3]),
        )
        paid = self.pay(account, 900 * quantity * len(packs), currency, at)
        amount, tax = paid.amount, paid.tax
        for pack in packs:
            is_last = pack is packs[-1]
            entry = ledger.grant(account, 100 * quantity + 7, credit_type="pay_as_you_go", reason="pack")
            bought = Purchase.objects.create(
                account=account,
                pack=pack,
                quantity=quantity,
                credits=100,
                bonus_credits=7,
                amount=amount if is_last else amount // 3,
                tax=tax if is_last else tax // 3,
                currency=currency,
                stripe_session_id="cs_1",
                stripe_line_id=self.name("li"),
                payment=paid,
                entry=entry,
            )
            amount, tax = amount - bought.amount, tax - bought.tax
        if self.chance.random() < 0.5:
            ledger.spend(account, self.chance.randrange(1, 90), reason="run")
