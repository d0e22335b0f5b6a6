"""How a payment method comes to be and to belong to a customer. https://docs.stripe.com/api/payment_methods"""

from __future__ import annotations

from typing import Any

from quickscale_billing.testing import cards
from quickscale_billing.testing.cards import Card
from quickscale_billing.testing.errors import StripeError, declined, invalid
from quickscale_billing.testing.ids import token
from quickscale_billing.testing.sandbox import Sandbox
from quickscale_billing.testing.store import Object

EXPIRY_MONTH = 12
YEARS_VALID = 4
SECONDS_PER_YEAR = 31_556_952


def method(sandbox: Sandbox, identifier: str, *, param: str = "payment_method") -> Object:
    """The payment method; one of Stripe's test tokens makes a new one. https://docs.stripe.com/testing"""
    if card := cards.BY_TOKEN.get(identifier):
        return make_card(sandbox, card)
    return sandbox.get("payment_method", identifier, param=param)


def make_card(
    sandbox: Sandbox, card: Card, *, billing_details: Object | None = None, expiry: tuple[int, int] | None = None
) -> Object:
    """A payment method of the card, or of the bank account."""
    year = 1970 + sandbox.now // SECONDS_PER_YEAR + YEARS_VALID
    details = account_details(card) if card.clears_after else card_details(card, *(expiry or (EXPIRY_MONTH, year)))
    made = sandbox.create(
        "payment_method",
        "pm",
        allow_redisplay="unspecified",
        billing_details=full_billing_details(billing_details or {}),
        customer=None,
        customer_account=None,
        metadata={},
        type=card.kind,
        _number=card.number,
        _set_up=False,
    )
    made[card.kind] = details
    return made


def account_details(account: Card) -> Object:
    """The bank code of a German IBAN is its places five to twelve."""
    return {
        "bank_code": account.number[4:12],
        "branch_code": "",
        "country": account.country,
        "fingerprint": token(f"fingerprint:{account.number}", 16),
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": account.last4,
    }


def card_details(card: Card, month: int, year: int) -> Object:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "display_brand": "american_express" if card.brand == "amex" else card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": token(f"fingerprint:{card.number}", 16),
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def full_billing_details(given: Object) -> Object:
    blank: Object = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
    lines = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return blank | given | {"address": lines | (given.get("address") or {})}


def card_of(method: Object) -> Card:
    return cards.BY_NUMBER[method["_number"]]


def attach(sandbox: Sandbox, identifier: str, customer: Object) -> Object:
    """Cards that are always declined cannot be saved."""
    attached = method(sandbox, identifier)
    if attached["customer"] not in {None, customer["id"]}:
        message = "The payment method you provided has already been attached to a customer."
        raise invalid(message, code="payment_method_already_attached")
    if attached.get("_detached"):
        raise invalid(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, and may not be used again."
        )
    refuse_declined(attached)
    if attached["customer"] is None:
        bind(sandbox, attached, customer)
    return attached


def bind(sandbox: Sandbox, attached: Object, customer: Object) -> None:
    attached["customer"] = customer["id"]
    sandbox.emit("payment_method.attached", attached)


def detach(sandbox: Sandbox, detached: Object) -> None:
    customer = sandbox.by_id.get(detached["customer"] or "")
    if customer is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(message)
    with sandbox.changing(detached, "payment_method.detached"):
        detached.update(customer=None, _detached=True)
    if customer["invoice_settings"]["default_payment_method"] == detached["id"]:
        with sandbox.changing(customer, "customer.updated"):
            customer["invoice_settings"]["default_payment_method"] = None


def refuse_declined(attached: Object) -> None:
    card = card_of(attached)
    if card.decline and not card.declines_later:
        raise decline_error(card.decline)


def decline_error(code: str, **details: Any) -> StripeError:
    reason = cards.DECLINES.get(code, cards.GENERIC)
    return declined(reason.code, reason.message, decline_code=reason.decline_code, **details)
