"""A subscription as Stripe would tell of it, month by month, without a Stripe: for tests of what is booked."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils import timezone

from quickscale_billing import facts
from quickscale_billing.models import Customer, Fact, Plan, PlanPrice, PlanSubscription
from quickscale_billing.payments import Money
from quickscale_billing.stripe.payment_readers import PaymentState, RefundState
from quickscale_billing.stripe.readers import (
    InvoiceLine,
    InvoiceState,
    SubscriptionState,
)
from quickscale_billing.windows import moment
from quickscale_credits.ledger.accounts import open_account

numbers = count(1)
AMOUNTS = {"day": 100, "week": 500, "month": 1_000, "year": 10_000}


def plan(slug: str, each_refill: object, **terms: Any) -> Plan:
    """On sale by the day, week, month and year, at a price that grows with its credits."""
    made = Plan.objects.create(slug=slug, name=slug.title(), credits=Decimal(str(each_refill)), **terms)
    for interval, amount in AMOUNTS.items():
        PlanPrice.objects.create(
            plan=made,
            interval=interval,
            amount=amount * (int(made.credits) or 1),
            currency="usd",
            stripe_price_id=f"price_{slug}_{interval}",
        )
    return made


@dataclass
class Subscriber:
    """Holds what Stripe would answer; `tell()` lets the app hear of it, unless nothing gets through."""

    owner: Any
    state: SubscriptionState = None
    invoices: list[InvoiceState] = field(default_factory=list)
    gets_through: bool = True
    discount: int = 0  # percent
    paid_back: dict[str, int] = field(default_factory=dict)  # percent of an invoice

    def __post_init__(self) -> None:
        number = next(numbers)
        account = open_account(self.owner)
        customer = Customer.objects.get_or_create(account=account, defaults={"stripe_id": f"cus_{number}"})[0]
        self.customer_id, self.id = customer.stripe_id, f"sub_{number}"

    def subscribe(self, plan: Plan, interval: str = "month", *, trial: timedelta | None = None) -> PlanSubscription:
        now = timezone.now()
        self.state = SubscriptionState(
            id=self.id,
            livemode=False,
            status="trialing" if trial else "active",
            customer_id=self.customer_id,
            created=now,
            item_id="si_1",
            price_id=price_id(plan, interval),
            period_start=now,
            period_end=now + trial if trial else moment(now, interval, 1),
            billing_anchor=now + trial if trial else now,
            cancel_at_period_end=False,
            cancel_at=None,
            trial_start=now if trial else None,
            trial_end=now + trial if trial else None,
            ended_at=None,
            schedule_id=None,
            next_price_id=None,
            pending_price_id=None,
            pending_until=None,
            invoice_url="",
        )
        if trial:
            self.invoices.append(invoice(self.id, [self.line(0, now, now + trial)]))
        else:
            self.pay_period(now)
        return self.tell()

    def renew(self) -> PlanSubscription:
        """Time has come to where the period ends, or later: the next one is paid."""
        assert self.state.period_end <= timezone.now()
        self.pay_period(self.state.period_end)
        return self.tell()

    def pay_period(self, starts_at: datetime, *more: InvoiceLine) -> None:
        ends_at = following(self.state.billing_anchor, self.price.interval, starts_at)
        self.change(status="active", period_start=starts_at, period_end=ends_at)
        line = self.line(self.price.amount, starts_at, ends_at)
        line = replace(line, net=line.amount * (100 - self.discount) // 100)
        self.invoices.append(invoice(self.id, [*more, line]))

    def change_price(self, plan: Plan, interval: str | None = None, *, at: datetime | None = None) -> PlanSubscription:
        """At once: Stripe credits the time that is left and charges it anew, or begins another period."""
        at, interval = at or timezone.now(), interval or self.price.interval
        credit = self.proration(-self.price.amount, at)
        is_new_period = interval != self.price.interval
        self.change(price_id=price_id(plan, interval))
        if is_new_period:
            self.change(billing_anchor=at)
            self.pay_period(at, credit)
        else:
            self.invoices.append(invoice(self.id, [credit, self.proration(self.price.amount, at)]))
        return self.tell()

    def end(self) -> PlanSubscription:
        self.change(status="canceled", ended_at=timezone.now())
        return self.tell()

    def change(self, **columns: Any) -> None:
        self.state = replace(self.state, **columns)

    def tell(self) -> PlanSubscription | None:
        if not self.gets_through:
            return None
        began = timezone.now()
        states = {each: self.payment(invoice) for invoice in self.invoices for each in invoice.payment_ids}
        return facts.book_subscription(self.state, self.told(), Money(states=states, began=began))

    def told(self) -> list[InvoiceState]:
        """The invoices that Stripe is asked for; and those of which it told by an event that money went back."""
        row = PlanSubscription.objects.filter(stripe_id=self.id).first()
        since = row.invoices_settled_until if row else None
        return [each for each in self.invoices if since is None or each.created >= since or each.id in self.paid_back]

    def pay_back(self, percent: int) -> PlanSubscription | None:
        """So much of the last invoice that cost something, in all."""
        paid = [each for each in self.invoices if each.total > 0]
        if paid:
            self.paid_back[paid[-1].id] = percent
        return self.tell()

    def payment(self, invoice: InvoiceState) -> PaymentState:
        percent = self.paid_back.get(invoice.id, 0)
        refund = RefundState(
            id=f"re_{invoice.id}_{percent}",
            amount=invoice.total * percent // 100,
            currency="usd",
            status="succeeded",
            reason="",
            token="",
            problem="",
            created=invoice.created,
        )
        return PaymentState(
            id=invoice.payment_ids[0],
            livemode=False,
            customer_id=self.customer_id,
            amount=invoice.total,
            currency="usd",
            charge_id=f"ch_{invoice.id}",
            paid_at=invoice.created,
            refunds=(refund,) if refund.amount else (),
        )

    @property
    def price(self) -> PlanPrice:
        return PlanPrice.objects.get(stripe_price_id=self.state.price_id)

    @property
    def refills(self) -> list[tuple[str, Decimal]]:
        rows = PlanSubscription.objects.get(stripe_id=self.id).refills.order_by("starts_at")
        return [(f"{row.starts_at:%d %b}", row.credits) for row in rows]

    def proration(self, amount: int, at: datetime) -> InvoiceLine:
        left = (self.state.period_end - at) / (self.state.period_end - self.state.period_start)
        return replace(self.line(round(amount * left), at, self.state.period_end), is_proration=True)

    def line(self, amount: int, starts_at: datetime, ends_at: datetime) -> InvoiceLine:
        return InvoiceLine(
            id=f"il_{next(numbers)}",
            price_id=self.state.price_id,
            subscription_id=self.id,
            is_item=True,
            is_proration=False,
            amount=amount,
            net=amount,
            starts_at=starts_at,
            ends_at=ends_at,
        )


def invoice(subscription_id: str, lines: list[InvoiceLine]) -> InvoiceState:
    number, total = next(numbers), max(0, sum(line.net for line in lines))
    return InvoiceState(
        id=f"in_{number}",
        total=total,
        amount_paid=total,
        payment_ids=(f"pi_{number}",) if total else (),
        livemode=False,
        status="paid",
        currency="usd",
        created=timezone.now(),
        subscription_id=subscription_id,
        lines=tuple(lines),
    )


def price_id(plan: Plan, interval: str) -> str:
    return f"price_{plan.slug}_{interval}"


def following(anchor: datetime, interval: str, starts_at: datetime) -> datetime:
    return next(end for number in count(1) if (end := moment(anchor, interval, number)) > starts_at)


def facts_of(owner: Any) -> list[str]:
    return [row.kind for row in Fact.objects.filter(account__owner=owner).order_by("pk")]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
