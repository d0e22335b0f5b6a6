"""What can go wrong with billing. Unless an error says otherwise, nothing was charged and nothing was granted."""

from __future__ import annotations


class BillingError(Exception):
    """Base of every error of billing; what is wrong with credits stays a `CreditsError`."""


class AlreadySubscribed(BillingError):
    """The owner has a live subscription: change its plan instead of buying a second one."""


class NoSubscription(BillingError):
    """The owner has no live subscription."""


class UnknownItem(BillingError, LookupError):
    """No active plan or pack of this slug is for sale, or none at this interval and currency."""


class PaymentActionRequired(BillingError):
    """The payment waits for the payer, at `url`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url

    def __str__(self) -> str:
        return f"The payment has to be confirmed at {self.url}"


class UnknownPaymentMethod(BillingError, LookupError):
    """The owner has no such payment method: it was removed, never was, or is somebody else's."""


class LastPaymentMethod(BillingError):
    """The only payment method of a live subscription stays until there is another."""


class RefundTooLarge(BillingError):
    """More was to be paid back than was paid and not yet paid back."""


class StripeUnavailable(BillingError):
    """Stripe did not answer, or asks to be left alone for a while: the same call may be tried again."""


class StripeRefused(BillingError):
    """Stripe answered that it will not do this; `code` and `param` are Stripe's own words for why."""

    def __init__(self, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class CatalogInvalid(BillingError):
    """The catalog file cannot be used; the message names the entry and the line."""


class Unsettled(BillingError):
    """What Stripe says cannot be booked, or not all of it: the message says why. It is tried again."""


class NoPaymentMethod(BillingError):
    """There is nothing that could be charged without the owner being there: a default payment method comes first."""


class PackChanged(BillingError):
    """The pack is not sold any more as it was shown to whoever agreed: show it as it is now, and ask again."""


class DisputeOpen(BillingError):
    """A payment of the owner's is disputed: until that is over, nothing is charged by itself."""
