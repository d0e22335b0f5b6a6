"""Rows that were changed behind the triggers' back: verification finds each, and says where."""

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone

from quickscale_credits import ledger, triggers
from quickscale_credits.fields import NEVER
from quickscale_credits.models import (
    Allocation,
    CreditAccount,
    CreditGrant,
    Hold,
    HoldAllocation,
    LedgerEntry,
    RedeemCode,
    Redemption,
)
from quickscale_credits.testing import fund

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING_TO_VERIFY = {
    "id": "other rows name it, and are missed",
    "owner": "an account may be given to another owner, or lose its own",
    "low_balance_threshold": "a wish, not a fact",
    "created": "nothing depends on it",
    "modified": "nothing depends on it",
    "next_expiry_at": "may be earlier than need be; what is too late is found",
}
LEDGER = [CreditAccount, CreditGrant, LedgerEntry, Allocation, Hold, HoldAllocation]

# Which row, how it is changed, and what is said of it: the first that matches, in the order of ids.
TAMPERED = {
    "an entry's amount": (LedgerEntry, {"kind": "spend"}, {"amount": -1}, "entry-seal"),
    "a balance after an entry": (LedgerEntry, {"kind": "spend"}, {"balance_after": 7}, "balance-chain"),
    "an entry's number": (LedgerEntry, {"kind": "transfer_out"}, {"sequence": 99}, "sequence"),
    "an entry's kind": (LedgerEntry, {"kind": "spend"}, {"kind": "transfer_out"}, "entry-seal"),
    "an entry's reason": (LedgerEntry, {"kind": "spend"}, {"reason": "other"}, "entry-seal"),
    "an entry's reference": (LedgerEntry, {"kind": "spend"}, {"reference": "other"}, "entry-seal"),
    "an entry's key": (LedgerEntry, {"kind": "spend"}, {"idempotency_key": "other"}, "entry-seal"),
    "an entry's actor": (LedgerEntry, {"kind": "spend"}, {"actor": "7"}, "entry-seal"),
    "an entry's metadata": (LedgerEntry, {"kind": "spend"}, {"metadata": {"a": 1}}, "entry-seal"),
    "an entry's time": (LedgerEntry, {"kind": "spend"}, {"created_at": timezone.now}, "entry-seal"),
    "what a transfer brought": (LedgerEntry, {"kind": "transfer_in"}, {"amount": 1}, "transfer"),
    "what was reversed": (LedgerEntry, {"kind": "reversal"}, {"amount": 900}, "reversed"),
    "what a reversal reverses": (LedgerEntry, {"kind": "reversal"}, {"origin": None}, "entry-seal"),
    "a reversal of what was given": (
        LedgerEntry,
        {"kind": "reversal"},
        {"origin": lambda: first_of("grant")},
        "origin",
    ),
    "a reversal of another's": (LedgerEntry, {"kind": "reversal"}, {"origin": lambda: last_of("revocation")}, "origin"),
    "a debt that nobody made": (LedgerEntry, {"kind": "spend"}, {"debt": 1}, "debt"),
    "an entry that is gone": (LedgerEntry, {"kind": "expiry"}, None, "sequence"),
    "what an allocation says": (Allocation, {}, {"amount": 1}, "allocations"),
    "an allocation that is gone": (Allocation, {}, None, "allocations"),
    "what is free of a grant": (CreditGrant, {"state": 1}, {"remaining": F("remaining") - 1}, "grant-remaining"),
    "what is held of a grant": (CreditGrant, {"held__gt": 0}, {"held": 0}, "grant-held"),
    "what expired of a grant": (CreditGrant, {"expired__gt": 0}, {"expired": 0}, "grant-expired"),
    "what was revoked of a grant": (CreditGrant, {"revoked__gt": 0}, {"revoked": 0}, "grant-revoked"),
    "the state of a grant": (CreditGrant, {"state": 1}, {"state": 0}, "grant-state"),
    "the size of a grant": (CreditGrant, {"state": 1}, {"amount": 900}, "grant-seal"),
    "the type of a grant": (CreditGrant, {"state": 1}, {"credit_type": "subscription"}, "grant-seal"),
    "the expiry of a grant": (CreditGrant, {"expires_at__lt": NEVER}, {"expires_at": None}, "grant-seal"),
    "who gave a grant": (CreditGrant, {"state": 1}, {"entry": None}, "grant-entry"),
    "the balance of an account": (CreditAccount, {}, {"balance": 900}, "account-balance"),
    "what an account holds": (CreditAccount, {"held__gt": 0}, {"held": 0}, "account-held"),
    "the debt of an account": (CreditAccount, {}, {"debt": 1}, "account-debt"),
    "the last number of an account": (CreditAccount, {}, {"sequence": 1}, "account-sequence"),
    "the head of an account": (CreditAccount, {"held__gt": 0}, {"head_grant_id": 1}, "head"),
    "the next end in an account": (CreditAccount, {"held__gt": 0}, {"next_expiry_at": None}, "next-expiry"),
    "an open hold's amount": (Hold, {"status": "open"}, {"amount": 1}, "hold-seal"),
    "an open hold's end": (Hold, {"status": "open"}, {"expires_at": None}, "hold-seal"),
    "a hold that was closed": (Hold, {"status": "open"}, {"status": "released"}, "grant-held"),
    "a hold that was opened again": (Hold, {"status": "released"}, {"status": "open"}, "grant-held"),
    "what a hold captured": (Hold, {"status": "captured"}, {"captured": "0.5"}, "hold-entry"),
    "a part of a hold": (HoldAllocation, {}, {"amount": 1}, "hold-allocations"),
    "what a code has given": (RedeemCode, {}, {"redeemed": 0}, "redeem-code"),
    "whose redemption it is": (
        Redemption,
        {},
        {"account": lambda: CreditAccount.objects.latest("pk").pk},
        "redemption",
    ),
    "a redemption that is gone": (Redemption, {}, None, "redeem-code"),
}


def first_of(kind):
    return LedgerEntry.objects.filter(kind=kind).earliest("pk").pk


def last_of(kind):
    return LedgerEntry.objects.filter(kind=kind).latest("pk").pk


@pytest.fixture
def written(user, grace, clock):
    """Two accounts in which everything has happened once."""
    fund(user, 10, expires_at=timezone.now() + timedelta(hours=1), credit_type="promotional")
    gone, kept = fund(user, 20, credit_type="subscription").grant, fund(user, 100, actor=grace).grant
    spend = ledger.spend(user, 25, reason="report", reference="run-1", metadata={"pages": 3}, idempotency_key="one")
    ledger.reverse(spend, 4, reason="refund")
    clock.shift(timedelta(hours=1))
    ledger.revoke(gone, 2, reason="refund")
    ledger.transfer(user, grace, 3, reason="gift")
    ledger.adjust(user, -1, reason="mistake")
    ledger.redeem(user, RedeemCode.objects.create(code="SPRING", amount=5).code)
    ledger.capture(ledger.hold(user, 2, reason="work"), 1)
    ledger.release(ledger.hold(user, 1, reason="work"))
    fund(user, 6, credit_type="subscription", expires_at=timezone.now() + timedelta(days=9))
    ledger.hold(user, 8, reason="work")
    ledger.freeze(kept, reason="dispute")
    ledger.revoke(fund(grace, 5, priority=1).grant, reason="refund")
    ledger.spend(user, "0.5", reason="report")


@contextmanager
def behind_the_triggers():
    """What is done in here is undone."""
    with triggers.lifted("default"), transaction.atomic():
        yield
        transaction.set_rollback(True)


def found():
    return {problem.code for problem in ledger.verify().problems} - {"trigger"}


def change(row, changes):
    rows = models.QuerySet(type(row)).filter(pk=row.pk)
    if changes is None:
        rows._raw_delete("default")
    else:
        rows.update(**{name: value() if callable(value) else value for name, value in changes.items()})


@pytest.mark.parametrize("what", TAMPERED)
def test_a_row_that_was_tampered_with_is_found(written, what):
    model, which, changes, code = TAMPERED[what]
    row = models.QuerySet(model).filter(**which).order_by("pk").first()
    assert found() == set()
    with behind_the_triggers():
        change(row, changes)
        assert code in found()


@pytest.mark.once
@pytest.mark.parametrize("model", LEDGER)
def test_no_column_of_any_row_can_be_changed_unnoticed(written, model):
    unnoticed = []
    with behind_the_triggers():
        for row in models.QuerySet(model):
            for field in model._meta.concrete_fields:
                if field.name not in NOTHING_TO_VERIFY and not is_noticed(row, {field.attname: another(row, field)}):
                    unnoticed.append(f"{row.pk}: {field.name}")
    assert unnoticed == []


@pytest.mark.once
@pytest.mark.parametrize("model", LEDGER)
def test_no_row_can_be_taken_away_unnoticed(written, model):
    with behind_the_triggers():
        unnoticed = [row for row in models.QuerySet(model) if not is_noticed(row, None)]
    assert [row for row in unnoticed if not is_closed_hold(row)] == []


def is_closed_hold(row):
    """Of which the ledger keeps nothing but what was captured, and that is an entry."""
    return isinstance(row, Hold) and row.status != Hold.Status.OPEN


def is_noticed(row, changes):
    """By a constraint of the database, or by verification."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                change(row, changes)
        except IntegrityError:
            return True
        noticed = bool(found())
        transaction.set_rollback(True)
    return noticed


def another(row, field):
    """A value that the row does not have, and might have."""
    value = getattr(row, field.attname)
    match value:
        case Decimal():
            return value + 1
        case int():
            return value + 1
        case str() if field.choices:
            return next(choice for choice, _ in field.choices if choice != value)
        case str():
            return f"{value}x"
        case dict():
            return {**value, "more": 1}
        case None:
            return timezone.now() if isinstance(field, models.DateTimeField) else 1
    return value + timedelta(days=3650)
