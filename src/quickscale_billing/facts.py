"""From an id at Stripe to credits: retrieve the object as it is now, outside any transaction, then fulfill it in a
short one. Webhooks, the success page, sweeps and reconciliation all call these functions, which are safe to call
again, at once, and in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from quickscale_billing import (
    clawing_back,
    fulfillment,
    invoicing,
    payment_methods,
    payments,
    purchasing,
    refilling,
    signals,
    topping_up,
)
from quickscale_billing.announcing import announce
from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import CheckoutSession, Customer, Fact, Payment, PlanPrice, PlanSubscription
from quickscale_billing.periods import periods_after
from quickscale_billing.stripe import retrieving
from quickscale_billing.stripe.client import is_live
from quickscale_billing.stripe.readers import InvoiceState, SessionState, SubscriptionState
from quickscale_credits.models import CreditAccount

T = TypeVar("T")
NEVER_BEGUN = (PlanSubscription.Status.INCOMPLETE, PlanSubscription.Status.INCOMPLETE_EXPIRED)


def settle_session(stripe_id: str) -> SessionState:
    """Give what a Checkout session sold, if it was paid; answers what Stripe says of it.

    Raises `Unsettled` if it cannot be booked, and `StripeUnavailable` or `StripeRefused` if Stripe does not tell.
    """
    state = retrieving.session(stripe_id)
    _refuse_other_mode(state.livemode, stripe_id)
    checkout = purchasing.checkout_of(state)
    if checkout is not None:
        _note(checkout, state)
    if state.mode == "payment" and state.is_paid:
        account = checkout.account if checkout else _account_of(state.customer_id)
        money = payments.retrieved([state.payment_intent_id], began=timezone.now())
        _again_if_raced(lambda: purchasing.settle(account, state, checkout, money))
    if state.mode == "subscription" and state.subscription_id:
        settle_subscription(state.subscription_id)
    if state.mode == "setup":
        payment_methods.settle_setup(state.id)
    return state


def settle_invoice(stripe_id: str) -> None:
    """An invoice that belongs to a subscription has all of this settled, and one of a top-up gives its credits; another
    gives nothing."""
    began = timezone.now()
    state = retrieving.invoice(stripe_id)
    if state.subscription_id:
        settle_subscription(state.subscription_id)
    elif state.top_up_token:
        _refuse_other_mode(state.livemode, stripe_id)
        money = payments.retrieved_for([state], began=began)
        _again_if_raced(lambda: topping_up.settle(state, money))


def settle_subscription(stripe_id: str) -> PlanSubscription:
    """Bring our row to what Stripe says now, and give what its trial, its paid invoices and the time are worth.

    Of its invoices Stripe is asked for those since the last that was open or not booked. Raises as `settle_session`
    does, after having booked all that can be booked.
    """
    row = PlanSubscription.objects.filter(stripe_id=stripe_id).first()
    return _settle_subscription(stripe_id, since=row.invoices_settled_until if row else None)


def settle_whole_subscription(stripe_id: str) -> PlanSubscription:
    """The same, with all its invoices: where a row is known to be wrong, what was booked may be, too."""
    return _settle_subscription(stripe_id, since=None)


def _settle_subscription(stripe_id: str, *, since: datetime | None) -> PlanSubscription:
    began = timezone.now()
    state = retrieving.subscription(stripe_id)
    invoices = retrieving.invoices(stripe_id, since)
    money = payments.retrieved_for(invoices, began=began)
    return _again_if_raced(lambda: book_subscription(state, invoices, money))


def end_unknown_subscription(row: PlanSubscription) -> None:
    """Stripe knows it no more, and charges nothing for it: it ended at this moment, as far as anybody can say.

    Raises `Unsettled` for one of the other mode, of which Stripe knows nothing with this key.
    """
    now = timezone.now()
    for customer in Customer.objects.filter(stripe_id=row.stripe_customer_id):
        _refuse_other_mode(customer.livemode, row.stripe_id)
    with refilling.locked(row) as subscription:
        was_live = subscription.is_live and subscription.current_period_start is not None
        subscription.status, subscription.ended_at = PlanSubscription.Status.CANCELED, now
        subscription.retrieved_at = now
        subscription.save()
        _close_periods(subscription, now)
        if was_live:
            announce(signals.subscription_ended, PlanSubscription, subscription=subscription)


def settle_payment(stripe_id: str) -> None:
    """What went back of a payment intent's money, and the credits for it. One that paid nothing of ours is let be.

    Where what it paid is not booked yet, that comes first: money may go back before we have heard that it came.
    """
    if not Payment.objects.filter(stripe_payment_intent_id=stripe_id).exists():
        _settle_what_was_paid_by(stripe_id)
    began = timezone.now()
    state = retrieving.payment(stripe_id)
    _refuse_other_mode(state.livemode, stripe_id)
    payment = Payment.objects.select_related("invoice__subscription").filter(stripe_payment_intent_id=stripe_id).first()
    if payment is not None:
        with clawing_back.locked(payment) as found:
            lost_before = found.disputed
            if payments.note(found, state, began):
                clawing_back.set_right(found, lost_before=lost_before)


def _settle_what_was_paid_by(payment_id: str) -> None:
    session_id, invoice_id = retrieving.sold_by(payment_id)
    if session_id:
        settle_session(session_id)
    elif invoice_id:
        settle_invoice(invoice_id)


def book_subscription(
    state: SubscriptionState, invoices: list[InvoiceState], money: payments.Money
) -> PlanSubscription:
    """What `settle_subscription` does with Stripe's answers, which it began to ask for at `money.began`."""
    _refuse_other_mode(state.livemode, state.id)
    problems: list[str] = []
    billed = [each for each in invoices if not each.is_draft]
    with refilling.locked(_row(state, money.began)) as subscription:
        _update(subscription, state, money.began)
        arrived = payments.note_invoices(subscription, billed, money)
        for booking in _bookings(subscription, state, [each for each in billed if each.is_paid], arrived):
            try:
                with transaction.atomic():
                    booking()
            except Unsettled as problem:
                problems.append(str(problem))
                subscription.refresh_from_db(fields=["overdrawn"])
        if invoices and not problems:
            _note_settled(subscription, invoices)
    if problems:
        raise Unsettled("\n".join(problems))
    return subscription


def worth_of(subscription: PlanSubscription, invoice: InvoiceState) -> Decimal:
    """The credits that the balance would gain, were this invoice paid now: it is booked, and rolled back."""
    with refilling.locked(subscription) as locked:
        before = fulfillment.total(locked.account)
        with suppress(Unsettled):
            invoicing.settle(locked, invoice, trial_end=locked.trial_end)
            refilling.refill(locked, until=_latest([invoice]))
        gained = fulfillment.total(locked.account) - before
        transaction.set_rollback(True)
    return gained


def _bookings(
    subscription: PlanSubscription,
    state: SubscriptionState,
    invoices: list[InvoiceState],
    arrived: list[Payment],
) -> Iterator[Callable[[], object]]:
    """In the order of time, so that it does not matter in which order Stripe spoke of them."""
    yield partial(_refuse_other_account, subscription, state)
    yield partial(_settle_trial, subscription, state)
    for invoice in invoices:
        yield partial(invoicing.settle, subscription, invoice, trial_end=state.trial_end)
    yield partial(_settle_end, subscription, state)
    yield partial(refilling.refill, subscription, until=_latest(invoices))
    for payment in arrived:
        yield partial(clawing_back.set_right, payment)
    yield partial(clawing_back.freeze_what_is_new, subscription)


def _note_settled(subscription: PlanSubscription, invoices: list[InvoiceState]) -> None:
    """Up to the first that may still change, else to the last: an answer that is late can only put it back."""
    unsettled = [each.created for each in invoices if not each.is_final]
    subscription.invoices_settled_until = min(unsettled) if unsettled else max(each.created for each in invoices)
    subscription.save(update_fields=["invoices_settled_until"])


def _latest(invoices: list[InvoiceState]) -> datetime:
    """Now; or when Stripe made an invoice, if its clock is ahead of ours: what was paid a second ago has begun."""
    return max([timezone.now(), *(invoice.created for invoice in invoices)])


def _settle_trial(subscription: PlanSubscription, state: SubscriptionState) -> None:
    """The first trial of the owner, ever; credits that last as long as it does."""
    if state.trial_start is None or state.trial_end is None or subscription.status in NEVER_BEGUN:
        return
    if subscription.plan is None:
        raise Unsettled(
            f"Stripe's price {state.price_id} is of no plan here: name it in the catalog, then settle again."
        )
    is_over = state.trial_end <= timezone.now() or state.ended_at is not None
    fulfillment.record(
        Fact.Kind.TRIAL,
        f"trial:{subscription.account_id}",
        subscription.account,
        Decimal(0) if is_over else subscription.plan.trial_credits,
        stripe_id=subscription.stripe_id,
        expires_at=None if is_over else state.trial_end,
        note="It was over before it could be given." if is_over else "",
    )


def _settle_end(subscription: PlanSubscription, state: SubscriptionState) -> None:
    """No refill falls due after the end. What was given stays until it expires: it was paid for."""
    if state.ended_at is not None:
        _close_periods(subscription, state.ended_at)


def _close_periods(subscription: PlanSubscription, at: datetime) -> None:
    for period in periods_after(subscription, at):
        period.close(at, credited_back=False)


def _refuse_other_mode(livemode: bool, stripe_id: str) -> None:
    if livemode != is_live():
        modes = {True: "live", False: "test"}
        raise Unsettled(f"{stripe_id} is of {modes[livemode]} mode; this database is of {modes[is_live()]} mode.")


def _refuse_other_account(subscription: PlanSubscription, state: SubscriptionState) -> None:
    account = _account_of(state.customer_id)
    if account != subscription.account:
        raise Unsettled(
            f"{state.id} was sold to account {subscription.account_id}; Stripe's customer {state.customer_id} belongs "
            f"to account {account.pk} now. Its credits still go to the first: find out whose it is."
        )


def _account_of(customer_id: str | None) -> CreditAccount:
    customer = Customer.objects.select_related("account").filter(stripe_id=customer_id).first() if customer_id else None
    if customer is None:
        raise Unsettled(f"Stripe's customer {customer_id} is nobody here: link it to an account, then settle again.")
    return customer.account


def _note(checkout: CheckoutSession, state: SessionState) -> None:
    """Once complete or expired, a session stays so; an answer that is late must not open it again."""
    changed = {"stripe_id": state.id} | (
        {"status": state.status} if state.status != CheckoutSession.Status.OPEN else {}
    )
    CheckoutSession.objects.filter(pk=checkout.pk).update(**changed)


def _row(state: SubscriptionState, began: datetime) -> PlanSubscription:
    if found := PlanSubscription.objects.filter(stripe_id=state.id).first():
        return found
    return PlanSubscription.objects.create(
        account=_account_of(state.customer_id),
        stripe_id=state.id,
        stripe_customer_id=state.customer_id,
        status=state.status,
        created_at=state.created,
        retrieved_at=began,
    )


def _update(subscription: PlanSubscription, state: SubscriptionState, began: datetime) -> None:
    """An answer that was asked for earlier than the one that is written down is not written over it."""
    if began < subscription.retrieved_at:
        return
    was_live = subscription.is_live and subscription.current_period_start is not None
    was_to_end = subscription.ends_at is not None
    if state.ended_at != subscription.ended_at:
        subscription.segments.all().count_anew()
    for column, value in columns_of(state).items():
        setattr(subscription, column, value)
    subscription.retrieved_at = began
    subscription.save()
    if subscription.is_live != was_live:
        signal = signals.subscription_started if subscription.is_live else signals.subscription_ended
        announce(signal, PlanSubscription, subscription=subscription)
    if subscription.ends_at is not None and not was_to_end and (was_live or subscription.is_live):
        announce(signals.subscription_canceled, PlanSubscription, subscription=subscription)


def columns_of(state: SubscriptionState) -> dict[str, object]:
    """What our row says where it is as Stripe has it."""
    prices = {price.stripe_price_id: price for price in _prices(state)}
    return {
        "status": state.status,
        "stripe_item_id": state.item_id,
        "stripe_price_id": state.price_id,
        "stripe_schedule_id": state.schedule_id,
        "price": prices.get(state.price_id),
        "next_price": prices.get(state.next_price_id),
        "pending_price": prices.get(state.pending_price_id),
        "pending_until": state.pending_until,
        "invoice_url": state.invoice_url,
        "cancel_at_period_end": state.cancel_at_period_end,
        "cancel_at": state.cancel_at,
        "current_period_start": state.period_start,
        "current_period_end": state.period_end,
        "billing_anchor": state.billing_anchor,
        "trial_end": state.trial_end,
        "ended_at": state.ended_at,
    }


def _prices(state: SubscriptionState) -> QuerySet[PlanPrice]:
    named = [each for each in (state.price_id, state.next_price_id, state.pending_price_id) if each is not None]
    return PlanPrice.objects.filter(stripe_price_id__in=named).select_related("plan")


def _again_if_raced(booking: Callable[[], T]) -> T:
    """Another who booked the same at the same moment is found the second time."""
    try:
        return booking()
    except IntegrityError:
        return booking()
