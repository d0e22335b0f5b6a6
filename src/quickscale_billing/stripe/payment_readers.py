"""What we read out of a payment intent, of what went back of it by refunds and disputes, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from quickscale_billing.stripe.readers import Json, read_id, read_time

REFUND_TOKEN = "quickscale_refund"  # noqa: S105 - the name of a member of the metadata


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundState:
    id: str
    amount: int
    currency: str
    status: str
    reason: str
    token: str
    problem: str
    created: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DisputeState:
    id: str
    amount: int
    currency: str
    status: str
    reason: str
    created: datetime
    evidence_due_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentState:
    """A payment intent with its charge: what arrived, and all that went back of it."""

    id: str
    livemode: bool
    customer_id: str | None
    amount: int
    currency: str
    charge_id: str | None
    paid_at: datetime
    refunds: tuple[RefundState, ...] = ()
    disputes: tuple[DisputeState, ...] = ()

    @property
    def refunded(self) -> int:
        return sum(each.amount for each in self.refunds if each.status not in {"failed", "canceled"})

    @property
    def lost(self) -> int:
        return sum(each.amount for each in self.disputes if each.status == "lost")


def read_payment(found: Json, refunds: list[Json], disputes: list[Json]) -> PaymentState:
    """`latest_charge` must have been expanded."""
    charge: Json = found.get("latest_charge") or {}
    return PaymentState(
        id=found["id"],
        livemode=found["livemode"],
        customer_id=read_id(found.get("customer")),
        amount=found.get("amount_received") or 0,
        currency=found["currency"],
        charge_id=charge.get("id"),
        paid_at=read_time(charge.get("created") or found["created"]),
        refunds=tuple(map(_refund, refunds)),
        disputes=tuple(map(_dispute, disputes)),
    )


def _refund(found: Json) -> RefundState:
    return RefundState(
        id=found["id"],
        amount=found["amount"],
        currency=found["currency"],
        status=found.get("status") or "pending",
        reason=found.get("reason") or "",
        token=(found.get("metadata") or {}).get(REFUND_TOKEN, ""),
        problem=found.get("failure_reason") or "",
        created=read_time(found["created"]),
    )


def _dispute(found: Json) -> DisputeState:
    due = (found.get("evidence_details") or {}).get("due_by")
    return DisputeState(
        id=found["id"],
        amount=found["amount"],
        currency=found["currency"],
        status=found["status"],
        reason=found.get("reason") or "",
        created=read_time(found["created"]),
        evidence_due_at=None if due is None else read_time(due),
    )
