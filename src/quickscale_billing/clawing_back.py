"""Credits follow the money: what a payment gave is brought down to the share of it that is kept, and up again.

Each giving fact is worth so many credits. Its target is that worth times the kept share, rounded down at the sixth
place; the difference to what was taken so far is taken, or given back. Told again, there is no difference left.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from quickscale_billing import fulfillment, refilling, shares, stopping
from quickscale_billing.conf import conf
from quickscale_billing.models import (
    AutoTopUp,
    Clawback,
    Dispute,
    Fact,
    FrozenGrant,
    PaidSegment,
    Payment,
    PlanSubscription,
    Refill,
    TopUp,
)
from quickscale_credits.models import CreditAccount, CreditGrant, LedgerEntry

BY_INVOICE = (Fact.Kind.UPGRADE, Fact.Kind.PERIOD, Fact.Kind.BONUS, Fact.Kind.TOP_UP)


@contextmanager
def locked(payment: Payment) -> Iterator[Payment]:
    """The payment as it is now, in a transaction that holds its account, and its subscription if it has one."""
    subscription = payment.invoice.subscription if payment.invoice else None
    if subscription is not None:
        with refilling.locked(subscription):
            yield _as_it_is_now(payment)
        return
    with transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(refunded=F("refunded"))
        CreditAccount.objects.select_for_update().get(pk=payment.account_id)
        yield _as_it_is_now(payment)


def set_right(payment: Payment, *, lost_before: int = 0) -> None:
    """Bring the credits of a payment to what its money is now; within `locked`, or a lock of its account.

    What is taken is said to be for a dispute if more is lost in disputes now than `lost_before`.
    """
    facts = list(facts_of(payment))
    disputes = list(payment.disputes.all())
    for dispute in disputes:
        if not dispute.is_open:
            _thaw(dispute)
    reason = "dispute" if payment.disputed > lost_before else "refund"
    for fact in facts:
        _set_right(fact, reason=reason)
    _end_what_is_over(facts)
    if _is_top_up_refunded(payment):
        stopping.stop(payment.account, AutoTopUp.Reason.REFUNDED)
    for dispute in disputes:
        if dispute.is_open:
            stopping.stop(payment.account, AutoTopUp.Reason.DISPUTED)
            _freeze(dispute, facts)


def freeze_what_is_new(subscription: PlanSubscription) -> None:
    """What a change of plan gave for time whose money is disputed waits like the rest of it, whichever came first."""
    for dispute in Dispute.objects.open().filter(payment__invoice__subscription=subscription).order_by("pk"):
        _freeze(dispute, list(facts_of(dispute.payment)))


def _is_top_up_refunded(payment: Payment) -> bool:
    """Since the owner agreed: with its credits gone, the next sweep would buy it again. Stripe tells whole seconds."""
    agreed = AutoTopUp.objects.on().filter(account=payment.account_id).first()
    if agreed is None or payment.invoice is None:
        return False
    is_top_up = TopUp.objects.filter(stripe_invoice_id=payment.invoice.stripe_id).exists()
    later = payment.refunds.filter(created_at__gte=agreed.consented_at.replace(microsecond=0))
    return is_top_up and any(refund.is_standing for refund in later)


def facts_of(payment: Payment) -> QuerySet[Fact]:
    """What gave credits for this money."""
    wanted = Q(entry__purchase__payment=payment)
    if payment.invoice is not None:
        billed_by = PaidSegment.objects.filter(stripe_invoice_id=payment.invoice.stripe_id)
        periods = {segment.period_id or segment.pk for segment in billed_by}
        wanted |= Q(refill__period__in=periods)
        wanted |= Q(kind__in=BY_INVOICE, stripe_id=payment.invoice.stripe_id)
    related = ("account", "entry", "refill__period", "refill__subscription")
    return Fact.objects.filter(wanted).exclude(kind=Fact.Kind.CLAWBACK).select_related(*related).order_by("pk")


def take_what_came_back(account: CreditAccount) -> None:
    """Where debt is not allowed: what was held when its money went back is taken when it is free again."""
    if conf.REFUND_DEBT or not Clawback.objects.outstanding().filter(account=account).exists():
        return
    with transaction.atomic():
        CreditAccount.objects.select_for_update().get(pk=account.pk)
        for row in Clawback.objects.outstanding().filter(account=account).select_related("fact__entry"):
            _set_right(row.fact, reason=row.reason)


def freeze_what_came_back(account: CreditAccount) -> None:
    """What was held or spent when the bank began to look waits with the rest, once it is free again."""
    disputes = Dispute.objects.open().filter(payment__account=account)
    if not disputes.exists():
        return
    with stopping.locked(account):
        for dispute in disputes.select_related("payment__invoice").order_by("pk"):
            _freeze(dispute, list(facts_of(dispute.payment)))


def _set_right(fact: Fact, *, reason: str) -> None:
    given = (fact.entry.amount if fact.entry else Decimal(0)) - fact.credited_back
    wanted = given - shares.share(fact.worth, shares.of_fact(fact))
    row = Clawback.objects.filter(fact=fact).first() or Clawback(account=fact.account, fact=fact)
    if row.pk is None and not wanted:
        return
    if wanted > row.wanted:
        row.reason = reason
    row.wanted = wanted
    if row.wanted > row.taken:
        _take(row, row.wanted - row.taken)
    elif row.wanted < row.taken:
        _give_back(row, row.taken - row.wanted)
    row.save()


def _end_what_is_over(facts: list[Fact]) -> None:
    """What came back of a refill ends if a later one has been given meanwhile, as it would have then."""
    for subscription in {fact.refill.subscription for fact in facts if fact.refill}:
        if latest := subscription.refills.order_by("starts_at").last():
            refilling.end_previous(subscription, latest)


def _take(row: Clawback, amount: Decimal) -> None:
    """What is frozen or free first; what was spent becomes debt, or is left alone by setting. What expired is gone.

    What had paid an older debt is no new one: that debt is there again.
    """
    grant = row.fact.entry.grant if row.fact.entry else None
    if grant is None:
        return
    wanted = row.taken + min(amount, grant.amount - grant.revoked)
    _revoke(row, grant, wanted - row.taken, allow_debt=conf.REFUND_DEBT)
    if wanted > row.taken:
        _revoke(row, grant, min(wanted - row.taken, fulfillment.older_debt_paid(grant)), allow_debt=True)


def _revoke(row: Clawback, grant: CreditGrant, amount: Decimal, *, allow_debt: bool) -> None:
    if amount > 0:
        step = _step(row)
        if taken := fulfillment.revoke(grant, amount, reason=row.reason, step=step, allow_debt=allow_debt):
            _booked(row, taken)


def _give_back(row: Clawback, amount: Decimal) -> None:
    """A refund that failed: what was taken comes back, and then what was not given meanwhile."""
    for entry in _revocations(row):
        part = min(amount, _left_of(entry))
        if part > 0:
            _booked(row, fulfillment.reverse(entry, part, reason="money_returned", step=_step(row)))
            amount -= part
    if amount > 0:
        _give_the_rest(row, amount)


def _give_the_rest(row: Clawback, amount: Decimal) -> None:
    """A refill that fell due while its money was away was smaller, or none. What it lacked is over when it is."""
    refill = row.fact.refill
    expires_at = refilling.expiry_of(refill) if refill else None
    if expires_at is not None and expires_at <= timezone.now():
        row.taken = row.wanted
        return
    _booked(row, fulfillment.give_again(row.fact, amount, expires_at=expires_at, step=_step(row)))
    if refill is not None:
        refill.state = Refill.State.GRANTED
        refill.save(update_fields=["state"])


def _step(row: Clawback) -> str:
    row.steps += 1
    return f"clawback:{row.fact.key}:{row.steps}"


def _booked(row: Clawback, entry: LedgerEntry) -> None:
    row.taken -= entry.amount
    fulfillment.record_step(row.fact, entry, step=f"clawback:{row.fact.key}:{row.steps}")


def _revocations(row: Clawback) -> list[LedgerEntry]:
    steps = Fact.objects.filter(kind=Fact.Kind.CLAWBACK, key__startswith=f"clawback:{row.fact.key}:")
    return list(LedgerEntry.objects.filter(fact__in=steps, kind=LedgerEntry.Kind.REVOCATION).order_by("-sequence"))


def _left_of(revocation: LedgerEntry) -> Decimal:
    undone = LedgerEntry.objects.filter(origin=revocation).aggregate(sum=Sum("amount"))["sum"]
    left: Decimal = -revocation.amount - (undone or Decimal(0))
    return left


def _freeze(dispute: Dispute, facts: list[Fact]) -> None:
    for fact in facts:
        grant = fact.entry.grant if fact.entry else None
        if grant is not None and fulfillment.free(grant):
            hold = fulfillment.freeze(grant, reference=dispute.stripe_id)
            FrozenGrant.objects.create(dispute=dispute, fact=fact, hold=hold)


def _thaw(dispute: Dispute) -> None:
    for frozen in dispute.frozen.select_related("hold"):
        fulfillment.thaw(frozen.hold)


def _as_it_is_now(payment: Payment) -> Payment:
    return Payment.objects.select_related("account", "invoice").get(pk=payment.pk)
