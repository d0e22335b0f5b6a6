"""Refunds. https://docs.stripe.com/refunds"""

from __future__ import annotations

from quickscale_billing.testing.charging import book
from quickscale_billing.testing.errors import invalid
from quickscale_billing.testing.listing import DATED, Page, newest_first
from quickscale_billing.testing.parameters import Params, merge_metadata, metadata, one_of, positive, text
from quickscale_billing.testing.routing import accepts
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object


@accepts(
    amount=positive,
    charge=text,
    metadata=metadata,
    payment_intent=text,
    reason=one_of("duplicate", "fraudulent", "requested_by_customer"),
)
def create(sandbox: Sandbox, params: Params) -> Object:
    charge = charge_of(sandbox, params)
    amount = amount_of(charge, params)
    refund = sandbox.create(
        "refund",
        "re",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        destination_details={"card": {"type": "pending"}, "type": "card"},
        metadata=merge_metadata({}, params.get("metadata", {})),
        payment_intent=charge["payment_intent"],
        reason=params.get("reason"),
        receipt_number=None,
        source_transfer_reversal=None,
        status="succeeded",
        transfer_reversal=None,
    )
    refund["balance_transaction"] = book(sandbox, refund, -amount, kind="refund")["id"]
    sandbox.emit("refund.created", refund)
    settle(sandbox, charge, amount)
    return refund


def charge_of(sandbox: Sandbox, params: Params) -> Object:
    if "charge" in params:
        return sandbox.get("charge", params["charge"], param="charge")
    if "payment_intent" not in params:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    intent = sandbox.get("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise invalid(message, param="payment_intent")
    return sandbox.by_id[intent["latest_charge"]]


def amount_of(charge: Object, params: Params) -> int:
    """At most what is left; a charge under dispute cannot be refunded, unless it is an inquiry."""
    if charge["disputed"] and not charge.get("_inquiry"):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")
    left = charge["amount"] - charge["amount_refunded"]
    if not left:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    amount: int = params.get("amount", left)
    if not 0 < amount <= left:
        shown = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise invalid(shown if amount else "Invalid positive integer", param="amount")
    return amount


def settle(sandbox: Sandbox, charge: Object, amount: int) -> None:
    with sandbox.changing(charge, "charge.refunded"):
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def fail(sandbox: Sandbox, refund: Object, *, reason: str) -> None:
    """The bank could not pass it on: the money is ours again. https://docs.stripe.com/refunds#failed-refunds

    That the charge counts it no longer is our reading.
    """
    charge = sandbox.by_id[refund["charge"]]
    with sandbox.changing(refund, "refund.failed"):
        refund.update(status="failed", failure_reason=reason)
        returned = book(sandbox, refund, refund["amount"], kind="refund_failure")
        refund["failure_balance_transaction"] = returned["id"]
    with sandbox.changing(charge, "charge.updated"):
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False


@accepts()
def retrieve(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    return sandbox.get("refund", identifier)


@accepts(metadata=metadata)
def update(sandbox: Sandbox, params: Params, identifier: str) -> Object:
    refund = sandbox.get("refund", identifier)
    with sandbox.changing(refund, "refund.updated"):
        refund["metadata"] = merge_metadata(refund["metadata"], params.get("metadata", {}))
    return refund


@accepts(DATED, charge=text, payment_intent=text)
def list_all(sandbox: Sandbox, params: Params) -> Page:
    return newest_first(sandbox, "refund", params, url="/v1/refunds", filters=("charge", "payment_intent"))
