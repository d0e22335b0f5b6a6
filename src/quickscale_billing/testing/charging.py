"""Charges: what a payment method was asked to pay, and how it answered. https://docs.stripe.com/api/charges"""

from __future__ import annotations

from decimal import Decimal

from quickscale_billing.testing import cards
from quickscale_billing.testing.amounts import rounded
from quickscale_billing.testing.cards import Card
from quickscale_billing.testing.resources import attaching
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

# Stripe's price list differs by country and contract: this is the one for cards in the US, so our reading.
FEE_PERCENT, FEE_FIXED = Decimal("2.9"), 30


def make_charge(sandbox: Sandbox, intent: Object, *, failure: str | None = None, pending: bool = False) -> Object:
    method = sandbox.by_id[intent["payment_method"]]
    reason = reason_of(failure) if failure else None
    charge = sandbox.create(
        "charge",
        "ch",
        amount=intent["amount"],
        amount_captured=0 if failure else intent["amount"],
        amount_refunded=0,
        application=None,
        application_fee=None,
        application_fee_amount=None,
        balance_transaction=None,
        billing_details=method["billing_details"],
        calculated_statement_descriptor="SIMULATED",
        captured=not failure,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_balance_transaction=None,
        failure_code=reason and reason.code,
        failure_message=reason and reason.message,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        on_behalf_of=None,
        outcome=outcome(reason),
        paid=not failure,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=charged_method(method),
        receipt_email=intent["receipt_email"],
        receipt_number=None,
        receipt_url=None,
        refunded=False,
        review=None,
        shipping=None,
        source_transfer=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status="failed" if failure else "pending" if pending else "succeeded",
        transfer_data=None,
        transfer_group=None,
    )
    if not failure and not pending:
        receive(sandbox, charge)
    return charge


def receive(sandbox: Sandbox, charge: Object) -> None:
    """The money is there."""
    charge.update(
        status="succeeded",
        paid=True,
        receipt_url=f"{sandbox.address}/receipt/{charge['id']}",
        balance_transaction=book(sandbox, charge, charge["amount"], kind="charge", fee=fee_of(charge))["id"],
    )


def refuse(charge: Object, code: str) -> None:
    """A debit that was on the way comes back."""
    reason = reason_of(code)
    charge.update(
        status="failed",
        paid=False,
        captured=False,
        amount_captured=0,
        failure_code=reason.code,
        failure_message=reason.message,
        outcome=outcome(reason),
    )


def charged_method(method: Object) -> Object:
    card = attaching.card_of(method)
    details = charged_account(method) if card.clears_after else charged_card(method, card)
    return {"type": card.kind, card.kind: details}


def charged_account(method: Object) -> Object:
    kept = ("bank_code", "branch_code", "country", "fingerprint", "last4")
    return {name: method["sepa_debit"][name] for name in kept} | {"mandate": None}


def charged_card(method: Object, card: Card) -> Object:
    kept = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status")
    return {name: method["card"][name] for name in kept} | {
        "amount_authorized": None,
        "checks": method["card"]["checks"],
        "installments": None,
        "mandate": None,
        "network": card.brand,
        "three_d_secure": None,
        "wallet": None,
    }


def outcome(reason: cards.Decline | None) -> Object:
    return {
        "advice_code": "try_again_later" if reason else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if reason else "approved_by_network",
        "reason": reason and reason.decline_code,
        "risk_level": "normal",
        "risk_score": 5,
        "seller_message": "The bank did not return any further details." if reason else "Payment complete.",
        "type": "issuer_declined" if reason else "authorized",
    }


def fee_of(charge: Object) -> int:
    return rounded(Decimal(charge["amount"]) * FEE_PERCENT / 100) + FEE_FIXED


def book(sandbox: Sandbox, source: Object, amount: int, *, kind: str, fee: int = 0) -> Object:
    """A line of our balance at Stripe. https://docs.stripe.com/api/balance_transactions"""
    shown = {"amount": fee, "application": None, "currency": source["currency"], "type": "stripe_fee"}
    return sandbox.create(
        "balance_transaction",
        "txn",
        amount=amount,
        available_on=sandbox.now,
        balance_type="payments",
        currency=source["currency"],
        description=source.get("description"),
        exchange_rate=None,
        fee=fee,
        fee_details=[{**shown, "description": "Stripe processing fees"}] if fee else [],
        net=amount - fee,
        reporting_category={"adjustment": "dispute"}.get(kind, kind),
        source=source["id"],
        status="available",
        type=kind,
    )


def reason_of(code: str) -> cards.Decline:
    if code == "authentication_required":
        message = "Your card was declined. This transaction requires authentication."
        return cards.Decline("authentication_required", message, "authentication_required")
    return cards.DECLINES.get(code, cards.GENERIC)
