"""What a paid invoice of a subscription means: time that is paid for, at which terms, and what was credited back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from quickscale_billing import fulfillment, refilling, shares
from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import Fact, PaidSegment, Payment, PlanPrice, PlanSubscription, Refill
from quickscale_billing.monthly import monthly
from quickscale_billing.periods import MICROSECOND, Period, period_at, periods_after, refills_after
from quickscale_billing.stripe.readers import InvoiceLine, InvoiceState
from quickscale_billing.windows import SLACK, counted_from, moment
from quickscale_credits.models import CreditType

Prices = dict[str | None, PlanPrice]


@dataclass
class Change:
    """The lines of an invoice that speak of one moment within a period: time credited back, and charged instead."""

    at: datetime
    credited: list[InvoiceLine] = field(default_factory=list)
    charged: list[InvoiceLine] = field(default_factory=list)


def settle(subscription: PlanSubscription, invoice: InvoiceState, *, trial_end: datetime | None) -> None:
    """Book the invoice, once. The subscription must be locked, and its earlier invoices settled.

    Raises `Unsettled` when it has a price that is of no plan, or changes time that is not paid for yet.
    """
    lines = _lines_of(subscription, invoice)
    paying = [line for line in lines if pays_a_period(line, trial_end)]
    changes = _changes(lines)
    prices = _prices([*paying, *(line for change in changes.values() for line in change.charged)])
    for key, change in changes_within(subscription, invoice, trial_end=trial_end).items():
        _settle_change(subscription, invoice, change, prices, key=key)
    for line in sorted(paying, key=lambda line: line.starts_at):
        change = changes.get(line.starts_at, Change(line.starts_at))
        _settle_period(subscription, invoice, line, prices[line.price_id], credited_back=bool(change.credited))


def pays_a_period(line: InvoiceLine, trial_end: datetime | None) -> bool:
    """Whether it is booked as a segment once its invoice is paid."""
    is_trial = trial_end is not None and line.ends_at <= trial_end
    return line.is_item and not line.is_proration and line.amount > 0 and not is_trial


def changes_within(
    subscription: PlanSubscription, invoice: InvoiceState, *, trial_end: datetime | None
) -> dict[str, Change]:
    """What it changes within periods that were paid before, by the key of the fact that each is booked as."""
    lines = _lines_of(subscription, invoice)
    changes, begins = _changes(lines), {line.starts_at for line in lines if pays_a_period(line, trial_end)}
    within = [changes[at] for at in sorted(changes) if at not in begins]
    return {f"upgrade:{invoice.id}" + (f":{number}" if number else ""): each for number, each in enumerate(within)}


def _lines_of(subscription: PlanSubscription, invoice: InvoiceState) -> list[InvoiceLine]:
    return [line for line in invoice.lines if line.subscription_id in (None, subscription.stripe_id)]


def _changes(lines: list[InvoiceLine]) -> dict[datetime, Change]:
    changes: dict[datetime, Change] = {}
    for line in lines:
        if line.is_proration and line.amount:
            change = changes.setdefault(line.starts_at, Change(line.starts_at))
            (change.charged if line.amount > 0 else change.credited).append(line)
    return changes


def _prices(lines: Iterable[InvoiceLine]) -> Prices:
    wanted = {line.price_id for line in lines}
    found = PlanPrice.objects.filter(stripe_price_id__in=wanted - {None}).select_related("plan")
    prices: Prices = {price.stripe_price_id: price for price in found}
    if unknown := wanted - set(prices):
        names = ", ".join(sorted(map(str, unknown)))
        raise Unsettled(f"Stripe's price {names} is of no plan here: name it in the catalog, then settle again.")
    return prices


def _settle_period(
    subscription: PlanSubscription, invoice: InvoiceState, line: InvoiceLine, price: PlanPrice, *, credited_back: bool
) -> None:
    key = f"period:{line.id}"
    if fulfillment.is_known(key, subscription.account):
        return
    refilling.refill(subscription, until=line.starts_at - MICROSECOND)
    _end_earlier(subscription, line.starts_at, credited_back=credited_back)
    period = _begin(subscription, invoice, line, price)
    _take_over_refill(subscription, period, key=key, stripe_id=invoice.id)
    if not fulfillment.is_known(key, subscription.account):
        fulfillment.record(Fact.Kind.PERIOD, key, subscription.account, Decimal(0), stripe_id=invoice.id)
    _settle_bonus(subscription, invoice, line, price)


def _end_earlier(subscription: PlanSubscription, at: datetime, *, credited_back: bool) -> None:
    """A paid period that begins inside an earlier one ends it."""
    for period in periods_after(subscription, at):
        if period.billed.starts_at <= at:
            _end(subscription, period, at, credited_back=credited_back)


def _end(subscription: PlanSubscription, period: Period, at: datetime, *, credited_back: bool) -> None:
    period.close(at, credited_back=credited_back)
    for refill in refills_after(period, at):
        refilling.set_right(subscription, period, refill)


def _begin(subscription: PlanSubscription, invoice: InvoiceState, line: InvoiceLine, price: PlanPrice) -> Period:
    """A period of its own. It ends at once where a later one, settled before it, has begun."""
    plan = price.plan
    later = subscription.segments.filter(period=None, starts_at__gt=line.starts_at, starts_at__lt=line.ends_at)
    billed = _segment(
        subscription,
        invoice,
        line,
        price,
        ends_at=line.ends_at,
        closed_at=min((each.starts_at for each in later), default=None),
        anchor=counted_from(subscription.billing_anchor, plan.refill_every, line.starts_at),
        next_refill_at=line.starts_at,
    )
    return Period([billed])


def _segment(
    subscription: PlanSubscription, invoice: InvoiceState, line: InvoiceLine, price: PlanPrice, **columns: object
) -> PaidSegment:
    """With the terms that the plan has now, which no later change of the plan touches."""
    plan = price.plan
    Payment.objects.filter(invoice__stripe_id=invoice.id).count_anew()  # it may pay for another plan now
    return PaidSegment.objects.create(
        subscription=subscription,
        plan=plan,
        starts_at=line.starts_at,
        credits=plan.credits,
        refill_every=plan.refill_every,
        unused=plan.unused,
        rollover_cap=plan.rollover_cap,
        interval=price.interval,
        amount=line.amount,
        monthly=_monthly(line, price),
        currency=invoice.currency,
        stripe_price_id=price.stripe_price_id,
        stripe_invoice_id=invoice.id,
        stripe_line_id=line.id,
        **columns,
    )


def _monthly(line: InvoiceLine, price: PlanPrice) -> int:
    """A proration's line has only a part of the price."""
    full = price.amount if line.is_proration else line.amount
    return monthly(full, price.interval, kept=Fraction(line.net, line.amount))


def _take_over_refill(subscription: PlanSubscription, period: Period, *, key: str, stripe_id: str) -> None:
    """A period that begins in the same second as the one it ends has its first refill already: only the rest is due."""
    billed = period.billed
    taken = Refill.objects.filter(subscription=subscription, starts_at=billed.starts_at).first()
    if taken is None:
        return
    first, *_ = windows = list(period.windows())
    taken.period, taken.ends_at, taken.full_length = billed, first.ends_at, first.full_length
    taken.save(update_fields=["period", "ends_at", "full_length"])
    billed.next_refill_at = windows[1].starts_at if len(windows) > 1 else None
    billed.save(update_fields=["next_refill_at"])
    refilling.set_right(subscription, period, taken, kind=Fact.Kind.PERIOD, key=key, stripe_id=stripe_id)
    if taken.credits:
        Refill.objects.filter(pk=taken.pk).update(state=Refill.State.GRANTED)


def _settle_bonus(subscription: PlanSubscription, invoice: InvoiceState, line: InvoiceLine, price: PlanPrice) -> None:
    """For the first whole period that money was paid for, ever; a plan without a bonus uses it up."""
    if line.net <= 0 or line.ends_at < moment(line.starts_at, price.interval, 1) - SLACK:
        return
    fulfillment.record(
        Fact.Kind.BONUS,
        f"signup_bonus:{subscription.account_id}",
        subscription.account,
        price.plan.signup_bonus,
        stripe_id=invoice.id,
        credit_type=CreditType.PROMOTIONAL,
        kept=Fraction(shares.of_invoice(invoice.id) > 0),
        note="" if price.plan.signup_bonus else "The plan gives none.",
    )


def _settle_change(
    subscription: PlanSubscription, invoice: InvoiceState, change: Change, prices: Prices, *, key: str
) -> None:
    """An upgrade, or a change that somebody made at Stripe: other terms from that moment on."""
    if fulfillment.is_known(key, subscription.account):
        return
    refilling.refill(subscription, until=change.at)
    period = period_at(subscription, change.at)
    if period is None:
        raise Unsettled(f"{invoice.id} changes the plan at {change.at}, when no period is paid for: it waits for that.")
    if not change.charged:
        _end(subscription, period, change.at, credited_back=True)
    else:
        line = change.charged[-1]
        _change_terms(subscription, period, invoice, line, prices[line.price_id], key=key)
    if not fulfillment.is_known(key, subscription.account):
        note = "It gave no credits."
        fulfillment.record(Fact.Kind.UPGRADE, key, subscription.account, Decimal(0), stripe_id=invoice.id, note=note)


def _change_terms(
    subscription: PlanSubscription,
    period: Period,
    invoice: InvoiceState,
    line: InvoiceLine,
    price: PlanPrice,
    *,
    key: str,
) -> None:
    billed = period.billed
    if period.terms_at(line.starts_at).stripe_price_id == price.stripe_price_id:
        return
    if price.plan.refill_every != billed.refill_every or abs(line.ends_at - billed.ends_at) > SLACK:
        _end(subscription, period, line.starts_at, credited_back=True)
        period = _begin(subscription, invoice, line, price)
        _take_over_refill(subscription, period, key=key, stripe_id=invoice.id)
        return
    period.last.close(line.starts_at, credited_back=True)
    upgraded = _segment(subscription, invoice, line, price, ends_at=billed.ends_at, period=billed, anchor=billed.anchor)
    period = Period([*period.segments, upgraded])
    for number, refill in enumerate(refills_after(period, line.starts_at)):
        numbered = key + (f":refill-{number}" if number else "")
        refilling.set_right(subscription, period, refill, kind=Fact.Kind.UPGRADE, key=numbered, stripe_id=invoice.id)
