"""What we read out of Stripe's objects, as plain data; pure functions from their JSON, in one API version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quickscale_billing.stripe.taxes import Tax, read_invoice_taxes, read_session_taxes

Json = Mapping[str, Any]

TOP_UP_TOKEN = "quickscale_topup"  # noqa: S105 - the name of a member of the metadata


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionLine:
    """One line of a Checkout session; money in minor units, of all its `quantity` together."""

    id: str
    price_id: str
    quantity: int
    subtotal: int
    total: int
    tax: int
    discount: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionState:
    id: str
    livemode: bool
    mode: str
    status: str
    payment_status: str
    currency: str
    reference: str
    customer_id: str | None
    subscription_id: str | None
    payment_intent_id: str | None
    lines: tuple[SessionLine, ...]
    taxes: tuple[Tax, ...] = ()

    @property
    def is_complete(self) -> bool:
        return self.status == "complete"

    @property
    def is_paid(self) -> bool:
        """Money has arrived, or none was due because a discount covered it all."""
        return self.is_complete and self.payment_status in {"paid", "no_payment_required"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionState:
    """Its period and price are those of its first item: our plans have one."""

    id: str
    livemode: bool
    status: str
    customer_id: str
    created: datetime
    item_id: str | None
    price_id: str | None
    period_start: datetime | None
    period_end: datetime | None
    billing_anchor: datetime | None
    cancel_at_period_end: bool
    cancel_at: datetime | None
    trial_start: datetime | None
    trial_end: datetime | None
    ended_at: datetime | None
    schedule_id: str | None
    next_price_id: str | None
    pending_price_id: str | None
    pending_until: datetime | None
    invoice_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceLine:
    """`amount` is before discounts and tax, below zero where Stripe credits time back; `net` is after discounts."""

    id: str
    price_id: str | None
    subscription_id: str | None
    is_item: bool
    is_proration: bool
    amount: int
    net: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceState:
    """Money in minor units; `payment_ids` are the payment intents that have paid something of it.

    `waits_for` is "payer" where the payer has to confirm, "bank" where the money is on its way, else empty; it is known
    only where the payment intents were expanded.
    """

    id: str
    livemode: bool
    status: str
    currency: str
    created: datetime
    subscription_id: str | None
    lines: tuple[InvoiceLine, ...]
    customer_id: str | None = None
    number: str = ""
    reason: str = ""
    subtotal: int = 0
    discount: int = 0
    tax: int = 0
    taxes: tuple[Tax, ...] = ()
    total: int = 0
    amount_paid: int = 0
    attempts: int = 0
    hosted_url: str = ""
    pdf_url: str = ""
    due_at: datetime | None = None
    paid_at: datetime | None = None
    payment_ids: tuple[str, ...] = ()
    amount_due: int = 0
    top_up_token: str = ""
    waits_for: str = ""

    @property
    def is_paid(self) -> bool:
        return self.status == "paid"

    @property
    def is_draft(self) -> bool:
        """Not asked for yet, and still to change."""
        return self.status == "draft"

    @property
    def is_final(self) -> bool:
        """https://docs.stripe.com/invoicing/overview#invoice-statuses: one that is uncollectible may yet be paid."""
        return self.status in {"paid", "void"}


def read_session(found: Json, lines: list[Json]) -> SessionState:
    return SessionState(
        id=found["id"],
        livemode=found["livemode"],
        mode=found["mode"],
        status=found.get("status") or "",
        payment_status=found["payment_status"],
        currency=found.get("currency") or "",
        reference=found.get("client_reference_id") or "",
        customer_id=read_id(found.get("customer")),
        subscription_id=read_id(found.get("subscription")),
        payment_intent_id=read_id(found.get("payment_intent")),
        lines=tuple(map(_session_line, lines)),
        taxes=read_session_taxes(found),
    )


def read_subscription(found: Json) -> SubscriptionState:
    """`latest_invoice` and `schedule` must have been expanded."""
    items = found["items"]["data"]
    item: Json = items[0] if items else {}
    pending: Json = found.get("pending_update") or {}
    return SubscriptionState(
        id=found["id"],
        livemode=found["livemode"],
        status=found["status"],
        customer_id=str(read_id(found["customer"])),
        created=read_time(found["created"]),
        item_id=item.get("id"),
        price_id=read_id(item.get("price")),
        period_start=_time(item.get("current_period_start")),
        period_end=_time(item.get("current_period_end")),
        billing_anchor=_time(found.get("billing_cycle_anchor")),
        cancel_at_period_end=bool(found.get("cancel_at_period_end")),
        cancel_at=_time(found.get("cancel_at")),
        trial_start=_time(found.get("trial_start")),
        trial_end=_time(found.get("trial_end")),
        ended_at=_time(found.get("ended_at")),
        schedule_id=read_id(found.get("schedule")),
        next_price_id=_next_price(found.get("schedule")),
        pending_price_id=_first_price(pending.get("subscription_items")),
        pending_until=_time(pending.get("expires_at")),
        invoice_url="" if found.get("ended_at") else _open_invoice_url(found.get("latest_invoice")),
    )


def read_invoice(found: Json, lines: list[Json]) -> InvoiceState:
    return InvoiceState(
        id=found["id"],
        livemode=found["livemode"],
        status=found.get("status") or "",
        currency=found["currency"],
        created=read_time(found["created"]),
        subscription_id=subscription_of(found),
        lines=tuple(map(_invoice_line, lines)),
        customer_id=read_id(found.get("customer")),
        number=found.get("number") or "",
        reason=found.get("billing_reason") or "",
        subtotal=found.get("subtotal") or 0,
        discount=sum(each["amount"] for each in found.get("total_discount_amounts") or []),
        tax=sum(each["amount"] for each in found.get("total_taxes") or []),
        taxes=read_invoice_taxes(found),
        total=found.get("total") or 0,
        amount_paid=found.get("amount_paid") or 0,
        attempts=found.get("attempt_count") or 0,
        hosted_url=found.get("hosted_invoice_url") or "",
        pdf_url=found.get("invoice_pdf") or "",
        due_at=_time(found.get("due_date")),
        paid_at=_time((found.get("status_transitions") or {}).get("paid_at")),
        payment_ids=tuple(_paying(found.get("payments"))),
        amount_due=found.get("amount_due") or 0,
        top_up_token=(found.get("metadata") or {}).get(TOP_UP_TOKEN, ""),
        waits_for=next(filter(None, map(_waits_for, (found.get("payments") or {}).get("data", []))), ""),
    )


def _paying(payments: Any) -> Iterator[str]:
    """Of an invoice's payments, those by a payment intent; the last attempt alone may have succeeded."""
    for each in (payments or {}).get("data", []):
        if each["status"] == "paid" and (intent := read_id(each["payment"].get("payment_intent"))):
            yield intent


def _waits_for(payment: Json) -> str:
    """https://docs.stripe.com/payments/paymentintents/lifecycle; off session, to want the payer is an error."""
    intent = payment["payment"].get("payment_intent")
    if payment["status"] != "open" or not isinstance(intent, Mapping):
        return ""
    error = intent.get("last_payment_error") or {}
    if intent["status"] == "requires_action" or error.get("code") == "authentication_required":
        return "payer"
    return "bank" if intent["status"] == "processing" else ""


def subscription_of(invoice: Json) -> str | None:
    """https://docs.stripe.com/changelog/basil/2025-03-31/adds-new-parent-field-to-invoicing-objects"""
    return read_id(_details(invoice.get("parent")).get("subscription"))


def _session_line(found: Json) -> SessionLine:
    return SessionLine(
        id=found["id"],
        price_id=read_id(found.get("price")) or "",
        quantity=found.get("quantity") or 1,
        subtotal=found["amount_subtotal"],
        total=found["amount_total"],
        tax=found["amount_tax"],
        discount=found["amount_discount"],
    )


def _invoice_line(found: Json) -> InvoiceLine:
    parent = found.get("parent")
    details = _details(parent)
    discounts = found.get("discount_amounts") or []
    period = found["period"]
    return InvoiceLine(
        id=found["id"],
        price_id=_price_of(found),
        subscription_id=read_id(details.get("subscription")) or read_id(found.get("subscription")),
        is_item=(parent or {}).get("type") == "subscription_item_details",
        is_proration=bool(details.get("proration")),
        amount=found["amount"],
        net=found["amount"] - sum(each["amount"] for each in discounts),
        starts_at=read_time(period["start"]),
        ends_at=read_time(period["end"]),
    )


def _details(parent: Json | None) -> Json:
    """A parent names its type, and has what it says in a member of that name."""
    return (parent or {}).get((parent or {}).get("type") or "") or {}


def _price_of(line: Json) -> str | None:
    pricing: Json = line.get("pricing") or {}
    return read_id((pricing.get("price_details") or {}).get("price"))


def _next_price(schedule: Any) -> str | None:
    """The price of the phase that follows the current one."""
    if not isinstance(schedule, Mapping) or not schedule.get("current_phase"):
        return None
    begins = schedule["current_phase"]["end_date"]
    following = [phase for phase in schedule["phases"] if phase["start_date"] >= begins]
    return _first_price(following[0]["items"]) if following else None


def _first_price(items: list[Json] | None) -> str | None:
    return read_id(items[0]["price"]) if items else None


def _open_invoice_url(invoice: Any) -> str:
    if not isinstance(invoice, Mapping) or invoice.get("status") != "open":
        return ""
    return str(invoice.get("hosted_invoice_url") or "")


def read_id(found: Any) -> str | None:
    """Of what is either an id or the object itself, as Stripe's expandable members are."""
    if isinstance(found, Mapping):
        found = found["id"]
    return None if found is None else str(found)


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else read_time(seconds)


def read_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
