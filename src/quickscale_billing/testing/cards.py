"""Stripe's test cards and bank accounts, and what each of them does. https://docs.stripe.com/testing"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum


class Authentication(Enum):
    NONE = "none"
    # Wanted unless the card was set up for later payments, and whenever the customer is present.
    UNLESS_SET_UP = "unless_set_up"
    ALWAYS = "always"


@dataclass(frozen=True)
class Card:
    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: str | None = None
    # The card can be saved; it is paying with it that fails.
    declines_later: bool = False
    authentication: Authentication = Authentication.NONE
    dispute: str | None = None
    tokens: tuple[str, ...] = ()
    # Of a bank account, how long its debit is on the way: the payment is `processing` meanwhile.
    clears_after: timedelta | None = None

    @property
    def kind(self) -> str:
        return "sepa_debit" if self.clears_after else "card"

    @property
    def last4(self) -> str:
        return self.number[-4:]


@dataclass(frozen=True)
class Decline:
    code: str
    message: str
    decline_code: str


CARDS = (
    Card("4242424242424242", tokens=("pm_card_visa", "tok_visa")),
    Card("4000056655665556", funding="debit", tokens=("pm_card_visa_debit", "tok_visa_debit")),
    Card("5555555555554444", brand="mastercard", tokens=("pm_card_mastercard", "tok_mastercard")),
    Card("378282246310005", brand="amex", tokens=("pm_card_amex", "tok_amex")),
    Card("4000002760000016", country="DE", tokens=("pm_card_de",)),
    Card("4000000000000002", decline="generic_decline", tokens=("pm_card_visa_chargeDeclined",)),
    Card(
        "4000000000009995",
        decline="insufficient_funds",
        tokens=("pm_card_visa_chargeDeclinedInsufficientFunds",),
    ),
    Card("4000000000009987", decline="lost_card", tokens=("pm_card_visa_chargeDeclinedLostCard",)),
    Card("4000000000009979", decline="stolen_card", tokens=("pm_card_visa_chargeDeclinedStolenCard",)),
    Card("4000000000000069", decline="expired_card", tokens=("pm_card_chargeDeclinedExpiredCard",)),
    Card("4000000000000127", decline="incorrect_cvc", tokens=("pm_card_chargeDeclinedIncorrectCvc",)),
    Card("4000000000000119", decline="processing_error", tokens=("pm_card_chargeDeclinedProcessingError",)),
    Card(
        "4000000000000341",
        decline="generic_decline",
        declines_later=True,
        tokens=("pm_card_chargeCustomerFail", "tok_chargeCustomerFail"),
    ),
    Card(
        "4000002500003155",
        authentication=Authentication.UNLESS_SET_UP,
        tokens=("pm_card_authenticationRequiredOnSetup",),
    ),
    Card("4000002760003184", authentication=Authentication.ALWAYS, tokens=("pm_card_authenticationRequired",)),
    Card("4000000000003220", authentication=Authentication.ALWAYS, tokens=("pm_card_threeDSecure2Required",)),
    Card(
        "4000008260003178",
        authentication=Authentication.UNLESS_SET_UP,
        decline="insufficient_funds",
        declines_later=True,
        tokens=("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",),
    ),
    Card("4000000000000259", dispute="fraudulent", tokens=("pm_card_createDispute",)),
    Card("4000000000002685", dispute="product_not_received", tokens=("pm_card_createDisputeProductNotReceived",)),
    Card("4000000000001976", dispute="inquiry", tokens=("pm_card_createDisputeInquiry",)),
)

# https://docs.stripe.com/payments/sepa-debit/accept-a-payment#test-your-integration: some take "at least three
# minutes"; how long the others take is our reading.
SOON, LATER = timedelta(minutes=1), timedelta(minutes=3)
ACCOUNTS = (
    Card("DE89370400440532013000", country="DE", clears_after=SOON),
    Card("DE08370400440532013003", country="DE", clears_after=LATER),
    Card("DE62370400440532013001", country="DE", clears_after=SOON, decline="debit_not_authorized"),
    Card("DE78370400440532013004", country="DE", clears_after=LATER, decline="debit_not_authorized"),
)

VISA = "4242424242424242"

BY_NUMBER = {card.number: card for card in CARDS + ACCOUNTS}
BY_TOKEN = {token: card for card in CARDS for token in card.tokens}

GENERIC = Decline("card_declined", "Your card was declined.", "generic_decline")
DECLINES = {
    "generic_decline": GENERIC,
    "insufficient_funds": Decline("card_declined", "Your card has insufficient funds.", "insufficient_funds"),
    "lost_card": Decline("card_declined", "Your card was declined.", "lost_card"),
    "stolen_card": Decline("card_declined", "Your card was declined.", "stolen_card"),
    "expired_card": Decline("expired_card", "Your card has expired.", "expired_card"),
    "incorrect_cvc": Decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc"),
    "debit_not_authorized": Decline(
        "payment_method_provider_decline", "The bank did not authorize the debit.", "debit_not_authorized"
    ),
    "processing_error": Decline(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        "processing_error",
    ),
}


def find(number: str) -> Card | None:
    return BY_NUMBER.get("".join(number.split()).replace("-", ""))
