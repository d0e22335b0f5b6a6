"""Stripe compared with our rows and the ledger, and made equal by what webhooks call, too.

Stripe is asked what it has, by the time that it was made: its log of events forgets, and what was lost is not in ours.
What is older, and may still change by our rows, is asked about one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from quickscale_billing import facts, invoicing, payments, purchasing, refilling, shares, still_open
from quickscale_billing.exceptions import BillingError
from quickscale_billing.models import (
    Customer,
    Dispute,
    Fact,
    Invoice,
    PaidSegment,
    PlanPrice,
    PlanSubscription,
    Refill,
    Refund,
)
from quickscale_billing.stripe import listing, retrieving
from quickscale_billing.stripe.client import if_known
from quickscale_billing.stripe.readers import InvoiceState, SessionState, SubscriptionState
from quickscale_credits.exceptions import CreditsError

# What fell due a moment ago is given by the next sweep.
LATE: Final = timedelta(hours=1)


class Kind(models.TextChoices):
    """In the order in which they are mended: what was sold first, then what went back of it."""

    SESSION = "session", _("Checkout session")
    SUBSCRIPTION = "subscription", _("Subscription")
    INVOICE = "invoice", _("Invoice")
    TOP_UP = "topup", _("Top-up")
    REFUND = "refund", _("Refund")
    DISPUTE = "dispute", _("Dispute")
    REFILL = "refill", _("Refill")


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One thing at Stripe that is not here, or not so. `settled_by` is the id that is settled to mend it."""

    kind: Kind
    stripe_id: str
    problem: str
    created: datetime
    settled_by: str

    @property
    def age(self) -> timedelta:
        return timezone.now() - self.created


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """`failed` are those that could not be settled, with why; `skipped` the refills whose time was over meanwhile."""

    settled: list[Drift]
    failed: list[tuple[Drift, str]]
    skipped: list[Refill]


def drift(since: datetime, *, older: int = still_open.ASKED_AT_MOST) -> list[Drift]:
    """What is at Stripe and not here, of all that was made since, and of so many of our older rows as may still change,
    the oldest first. Not to be called in a transaction; writes nothing."""
    asked = still_open.asked(since, older)
    found = [
        *_sessions({state.id: (state, at) for state, at in [*asked.sessions, *listing.sessions(since)]}.values()),
        *_subscriptions(),
        *_invoices({state.id: state for state in [*asked.invoices, *listing.invoices(since)]}.values()),
        *_gone_back(Kind.REFUND, [*asked.refunds, *listing.refunds(still_open.refunds_since(since))], Refund),
        *_gone_back(Kind.DISPUTE, [*asked.disputes, *listing.disputes(since)], Dispute),
        *map(_unknown, asked.unknown),
        *_refills(),
    ]
    return sorted(found, key=lambda each: (list(Kind).index(each.kind), each.created))


def unasked(since: datetime, *, older: int = still_open.ASKED_AT_MOST) -> int:
    """How many of our older rows that may still change are too many for `drift` to ask about."""
    return max(0, still_open.count(since) - older)


def repair(found: list[Drift]) -> Repaired:
    """Settle each, as an event about it would; what cannot be settled does not keep the others from it."""
    before = _last_refill()
    failed: list[tuple[Drift, str]] = []
    problems: dict[tuple[Callable[[str], object], str], str] = {}
    for each in found:
        settling = (SETTLE[each.kind], each.settled_by)
        if settling not in problems:
            problems[settling] = _problem_in(*settling)
        if problems[settling]:
            failed.append((each, problems[settling]))
    refilling.sweep()
    skipped = Refill.objects.filter(pk__gt=before, state=Refill.State.SKIPPED)
    unsettled = {id(each) for each, _problem in failed}
    return Repaired(
        settled=[each for each in found if id(each) not in unsettled],
        failed=failed,
        skipped=list(skipped.select_related("subscription").order_by("starts_at")),
    )


def _problem_in(settle: Callable[[str], object], stripe_id: str) -> str:
    try:
        settle(stripe_id)
    except (BillingError, CreditsError) as error:
        return str(error)
    return ""


def _last_refill() -> int:
    return Refill.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _sessions(found: Iterable[tuple[SessionState, datetime]]) -> Iterator[Drift]:
    for state, created in found:
        if problem := _problem_of_session(state):
            yield Drift(kind=Kind.SESSION, stripe_id=state.id, problem=problem, created=created, settled_by=state.id)


def _problem_of_session(state: SessionState) -> str:
    row = purchasing.checkout_of(state)
    if row is None and not _is_known(state.customer_id):
        return ""  # another application's, on the same account of Stripe
    if state.mode == "payment" and state.is_paid and not Fact.objects.filter(stripe_id=state.id).exists():
        return str(_("It was paid, and nothing was given for it."))
    if row is not None and state.status != row.status:
        return _differs("status", row.status, state.status)
    return ""


def _subscriptions() -> Iterator[Drift]:
    rows = {row.stripe_id: row for row in PlanSubscription.objects.all()}
    for state in listing.subscriptions():
        if problem := _problem_of_subscription(state, rows.pop(state.id, None)):
            yield _of_subscription(state.id, problem, state.created)
    for row in rows.values():
        if row.is_chargeable and (problem := _problem_of_unlisted(row)):
            yield _of_subscription(row.stripe_id, problem, row.created_at)


def _of_subscription(stripe_id: str, problem: str, created: datetime) -> Drift:
    return Drift(kind=Kind.SUBSCRIPTION, stripe_id=stripe_id, problem=problem, created=created, settled_by=stripe_id)


def _problem_of_unlisted(row: PlanSubscription) -> str:
    """Stripe lists every one that it has; before one is said to be unknown, it is asked for by its id."""
    state = if_known(partial(retrieving.subscription, row.stripe_id))
    return str(_("Stripe does not know it.")) if state is None else _problem_of_subscription(state, row)


def _problem_of_subscription(state: SubscriptionState, row: PlanSubscription | None) -> str:
    if row is not None:
        return "; ".join(
            _differs(name, getattr(row, name), value)
            for name, value in facts.columns_of(state).items()
            if getattr(row, name) != value
        )
    if _is_known(state.customer_id) or PlanPrice.objects.filter(stripe_price_id=state.price_id).exists():
        return str(_("It is not known here."))
    return ""


def _invoices(found: Iterable[InvoiceState]) -> Iterator[Drift]:
    listed = [state for state in found if state.subscription_id or state.top_up_token]
    rows = Invoice.objects.in_bulk([state.id for state in listed], field_name="stripe_id")
    yield from _top_ups([state for state in listed if state.subscription_id is None], rows)
    states = [state for state in listed if state.subscription_id is not None]
    known = PlanSubscription.objects.in_bulk([str(each.subscription_id) for each in states], field_name="stripe_id")
    for state in states:
        subscription = known.get(str(state.subscription_id))
        if subscription is None:
            continue  # told with its subscription
        if problem := _problem_of_invoice(state, rows.get(state.id), subscription):
            yield Drift(
                kind=Kind.INVOICE,
                stripe_id=state.id,
                problem=problem,
                created=state.created,
                settled_by=subscription.stripe_id,
            )


def _problem_of_invoice(state: InvoiceState, row: Invoice | None, subscription: PlanSubscription) -> str:
    if row is None:
        return str(_("It is not known here."))
    unbooked = [*_unbooked_periods(state, subscription), *_unbooked_changes(state, subscription)]
    if state.is_paid and unbooked:
        return str(_("It was paid, and nothing is booked for %(lines)s.")) % {"lines": ", ".join(unbooked)}
    return _differences(state, row)


def _differences(state: InvoiceState, row: Invoice) -> str:
    told = payments.columns_of(state, row)
    return "; ".join(
        _differs(name, getattr(row, name), value) for name, value in told.items() if getattr(row, name) != value
    )


def _top_ups(states: list[InvoiceState], rows: dict[str, Invoice]) -> Iterator[Drift]:
    ids = [state.id for state in states]
    given = set(Fact.objects.filter(kind=Fact.Kind.TOP_UP, stripe_id__in=ids).values_list("stripe_id", flat=True))
    for state in states:
        row = rows.get(state.id)
        problem = "" if row is None else _differences(state, row)
        if row is None and _is_known(state.customer_id):
            problem = str(_("It is not known here."))
        if state.is_paid and row is not None and state.id not in given:
            problem = str(_("It was paid, and nothing was given for it."))
        if problem:
            yield Drift(
                kind=Kind.TOP_UP, stripe_id=state.id, problem=problem, created=state.created, settled_by=state.id
            )


def _unbooked_periods(state: InvoiceState, subscription: PlanSubscription) -> list[str]:
    paying = [line.id for line in state.lines if invoicing.pays_a_period(line, subscription.trial_end)]
    booked = PaidSegment.objects.filter(stripe_line_id__in=paying).values_list("stripe_line_id", flat=True)
    return sorted(set(paying) - set(booked))


def _unbooked_changes(state: InvoiceState, subscription: PlanSubscription) -> list[str]:
    changes = invoicing.changes_within(subscription, state, trial_end=subscription.trial_end)
    booked = set(Fact.objects.filter(key__in=changes).values_list("key", flat=True))
    left = [change for key, change in changes.items() if key not in booked]
    return [line.id for change in left for line in (*change.credited, *change.charged)]


def _gone_back(kind: Kind, found: list[listing.Listed], model: Any) -> Iterator[Drift]:
    by_id = {each.id: each for each in found}
    rows = model.objects.in_bulk(by_id, field_name="stripe_id")
    for each in by_id.values():
        row = rows.get(each.id)
        if each.payment_id is None or (row is None and not _is_known(each.customer_id)):
            continue
        problem = str(_("It is not known here.")) if row is None else ""
        if row is not None and row.status != each.status:
            problem = _differs("status", row.status, each.status)
        if problem:
            yield Drift(kind=kind, stripe_id=each.id, problem=problem, created=each.created, settled_by=each.payment_id)


def _unknown(row: still_open.Row) -> Drift:
    kind, settled_by = Kind.SESSION, str(row.stripe_id)
    if isinstance(row, Invoice):
        kind = Kind.TOP_UP
        if row.subscription is not None:
            kind, settled_by = Kind.INVOICE, row.subscription.stripe_id
    elif isinstance(row, Refund | Dispute):
        kind = Kind.REFUND if isinstance(row, Refund) else Kind.DISPUTE
        settled_by = str(row.payment.stripe_payment_intent_id)
    problem, created = str(_("Stripe does not know it.")), still_open.made_at(row)
    return Drift(kind=kind, stripe_id=str(row.stripe_id), problem=problem, created=created, settled_by=settled_by)


def _refills() -> Iterator[Drift]:
    """Of what is paid for and not disputed, which has them wait. Nobody is asked about them: the sweep has not run."""
    for row in refilling.due_subscriptions():
        late = row.segments.filter(next_refill_at__lte=timezone.now() - LATE)
        if due := [each.next_refill_at for each in late if each.next_refill_at and not shares.is_disputed(each)]:
            yield Drift(
                kind=Kind.REFILL,
                stripe_id=row.stripe_id,
                problem=str(_("It is due, and not given.")),
                created=min(due),
                settled_by=row.stripe_id,
            )


def _is_known(customer_id: str | None) -> bool:
    return customer_id is not None and Customer.objects.filter(stripe_id=customer_id).exists()


def _differs(name: str, ours: object, stripes: object) -> str:
    values = {"name": name, "ours": ours, "stripes": stripes}
    return str(_("%(name)s is %(ours)s here and %(stripes)s at Stripe")) % values


def _settle_subscription(stripe_id: str) -> None:
    """One that lives here alone ends."""
    row = PlanSubscription.objects.filter(stripe_id=stripe_id).first()
    if row is not None and row.is_chargeable and if_known(partial(retrieving.subscription, stripe_id)) is None:
        facts.end_unknown_subscription(row)
    else:
        facts.settle_whole_subscription(stripe_id)


SETTLE: Final[dict[Kind, Callable[[str], object]]] = {
    Kind.SESSION: facts.settle_session,
    Kind.SUBSCRIPTION: _settle_subscription,
    Kind.INVOICE: _settle_subscription,
    Kind.TOP_UP: facts.settle_invoice,
    Kind.REFUND: facts.settle_payment,
    Kind.DISPUTE: facts.settle_payment,
    Kind.REFILL: _settle_subscription,
}
