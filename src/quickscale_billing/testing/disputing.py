"""Disputes: a bank takes the money back, and perhaps gives it again. https://docs.stripe.com/disputes/how-disputes-work"""

from __future__ import annotations

from datetime import timedelta

from quickscale_billing.testing.charging import book
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

# https://docs.stripe.com/disputes/responding: "usually 7 to 21 days"; which of them is our reading.
ANSWER_WITHIN = timedelta(days=9)
# Differs by country: this is the one of the US, so our reading.
FEE = 1500
EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)
OPEN = {"needs_response", "under_review", "warning_needs_response", "warning_under_review"}


def open_dispute(
    sandbox: Sandbox, charge: Object, *, amount: int | None = None, reason: str = "fraudulent", inquiry: bool = False
) -> Object:
    """An inquiry asks only; a dispute withdraws the money at once."""
    check(charge)
    dispute = make(sandbox, charge, amount or charge["amount"], reason, inquiry=inquiry)
    with sandbox.changing(charge, "charge.updated"):
        charge.update(disputed=True, _inquiry=inquiry)
    sandbox.emit("charge.dispute.created", dispute)
    if not inquiry:
        withdraw(sandbox, dispute)
    return dispute


def check(charge: Object) -> None:
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise invalid(f"Charge {charge['id']} cannot be disputed: it failed, or is disputed already.")


def make(sandbox: Sandbox, charge: Object, amount: int, reason: str, *, inquiry: bool) -> Object:
    method = sandbox.by_id[charge["payment_method"]]
    return sandbox.create(
        "dispute",
        "du",
        amount=amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}},
        evidence_details={
            "due_by": sandbox.now + int(ANSWER_WITHIN.total_seconds()),
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=inquiry,
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details=shown_method(method, inquiry=inquiry),
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )


def shown_method(method: Object, *, inquiry: bool) -> Object:
    kind = "inquiry" if inquiry else "chargeback"
    card = {"brand": attaching.card_of(method).brand, "case_type": kind, "network_reason_code": "10.4"}
    return {"card": card, "type": "card"}


def withdraw(sandbox: Sandbox, dispute: Object) -> None:
    dispute["balance_transactions"] = [
        *dispute["balance_transactions"],
        shown_booking(sandbox, book(sandbox, dispute, -dispute["amount"], kind="adjustment", fee=FEE)),
    ]
    sandbox.emit("charge.dispute.funds_withdrawn", dispute)


def shown_booking(sandbox: Sandbox, booking: Object) -> Object:
    return {name: value for name, value in booking.items() if name != "livemode"}


def escalate(sandbox: Sandbox, dispute: Object) -> Object:
    """An inquiry becomes a dispute, and the money is withdrawn."""
    require(dispute, {"warning_needs_response", "warning_under_review"})
    charge = sandbox.by_id[dispute["charge"]]
    charge["_inquiry"] = False
    with sandbox.changing(dispute, "charge.dispute.updated"):
        dispute.update(status="needs_response", is_charge_refundable=False)
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    withdraw(sandbox, dispute)
    return dispute


def submit(sandbox: Sandbox, dispute: Object) -> Object:
    """Evidence was handed in: the bank thinks."""
    require(dispute, {"needs_response", "warning_needs_response"})
    with sandbox.changing(dispute, "charge.dispute.updated"):
        dispute["evidence_details"] |= {"has_evidence": True, "submission_count": 1}
        dispute["status"] = dispute["status"].replace("needs_response", "under_review")
    return dispute


def close(sandbox: Sandbox, dispute: Object, *, status: str) -> Object:
    """Won gives the money back; lost keeps it gone; an inquiry that is closed never took it."""
    require(dispute, OPEN)
    is_inquiry = dispute["status"].startswith("warning_")
    dispute["status"] = "warning_closed" if is_inquiry else status
    if status == "won" and not is_inquiry:
        reinstated = shown_booking(sandbox, book(sandbox, dispute, dispute["amount"], kind="adjustment"))
        dispute["balance_transactions"] = [*dispute["balance_transactions"], reinstated]
    release(sandbox, dispute, is_inquiry=is_inquiry)
    sandbox.emit("charge.dispute.closed", dispute)
    if status == "won" and not is_inquiry:
        sandbox.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def release(sandbox: Sandbox, dispute: Object, *, is_inquiry: bool) -> None:
    """`disputed` stays true of a charge, whatever the outcome; an inquiry leaves nothing. Our reading."""
    charge = sandbox.by_id[dispute["charge"]]
    if is_inquiry:
        charge["disputed"] = False


def require(dispute: Object, states: set[str]) -> None:
    if dispute["status"] not in states:
        raise invalid(f"This dispute is {dispute['status']}; expected one of {', '.join(sorted(states))}.")


def on_charge(sandbox: Sandbox, charge: Object) -> None:
    """https://docs.stripe.com/testing#disputes: some test cards are disputed as soon as they have paid."""
    reason = attaching.card_of(sandbox.by_id[charge["payment_method"]]).dispute
    if reason == "inquiry":
        open_dispute(sandbox, charge, inquiry=True)
    elif reason:
        open_dispute(sandbox, charge, reason=reason)
