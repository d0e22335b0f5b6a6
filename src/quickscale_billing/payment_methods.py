"""The cards that an owner pays with: Stripe keeps them, and is asked each time. Never call these in a transaction."""

from __future__ import annotations

import builtins
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Model
from django.utils import timezone

from quickscale_billing.card_leases import changing_cards
from quickscale_billing.conf import conf
from quickscale_billing.customers import customer_of, replaced
from quickscale_billing.exceptions import LastPaymentMethod, StripeRefused, UnknownPaymentMethod
from quickscale_billing.models import Customer, PlanSubscription
from quickscale_billing.return_addresses import ReturnAddresses
from quickscale_billing.stripe import methods
from quickscale_billing.stripe.methods import SetupState
from quickscale_credits.models import CreditAccount

Owner = Model | CreditAccount

SOON: Final = timedelta(days=30)
BRANDS: Final = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "eftpos_au": "Eftpos Australia",
    "jcb": "JCB",
    "sepa_debit": "SEPA",
    "unionpay": "UnionPay",
    "us_bank_account": "ACH",
}
DECEMBER: Final = 12
# Of `CHECKOUT`, what Stripe takes in a session that sells nothing.
PASSED_ON: Final = ("billing_address_collection", "locale")


@dataclass(frozen=True, kw_only=True)
class PaymentMethod:
    """`brand` is Stripe's word, such as "visa", or the `kind` of what has none. A card expires after its month."""

    id: str
    kind: str
    brand: str
    last4: str
    exp_month: int | None
    exp_year: int | None
    is_default: bool
    added_at: datetime

    def __str__(self) -> str:
        return f"{self.brand_name} •••• {self.last4}" if self.last4 else self.brand_name

    @property
    def brand_name(self) -> str:
        return BRANDS.get(self.brand, self.brand.replace("_", " ").title())

    @property
    def expires_at(self) -> datetime | None:
        """When its month is over; None for what does not expire."""
        if self.exp_month is None or self.exp_year is None:
            return None
        return datetime(self.exp_year + self.exp_month // DECEMBER, self.exp_month % DECEMBER + 1, 1, tzinfo=UTC)

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def expires_soon(self) -> bool:
        """Within thirty days."""
        return self.expires_at is not None and not self.has_expired and self.expires_at <= timezone.now() + SOON


@dataclass(frozen=True, kw_only=True)
class SetupSession:
    """A page of Stripe's, at `url`, on which the owner gives a card and confirms it with their bank, if it asks."""

    stripe_id: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Charged:
    """Who is charged at Stripe, and with what."""

    customer_id: str
    method: PaymentMethod


def list(owner: Owner) -> builtins.list[PaymentMethod]:  # noqa: A001 - the contract's word
    """The default one first, then the newest. Raises `StripeUnavailable`."""
    customer = _customer(owner)
    return _of(customer) if customer else []


def add(owner: Owner, *, addresses: ReturnAddresses | None = None) -> SetupSession:
    """Where the owner adds one. It becomes the default where there is none. Raises `StripeUnavailable`."""
    addresses = addresses or ReturnAddresses.of_methods()
    customer = customer_of(owner)
    try:
        made = _begun(customer, addresses)
    except StripeRefused as refusal:
        if (refusal.code, refusal.param) != ("resource_missing", "customer"):
            raise
        made = _begun(replaced(customer), addresses)
    return SetupSession(stripe_id=made["id"], url=made["url"])


def set_default(owner: Owner, method: PaymentMethod | str) -> None:
    """It pays what comes: the owner's invoices and the subscription that lives.

    Raises `UnknownPaymentMethod` for one that is not this owner's, and `StripeUnavailable`.
    """
    with changing_cards(_customer(owner)):
        customer, found = _own(owner, method)
        _charge_to(customer, found.id)


def remove(owner: Owner, method: PaymentMethod | str) -> None:
    """It is charged no more. Where it was the default, the newest of the others takes its place.

    Raises `UnknownPaymentMethod` for one that is not this owner's, `LastPaymentMethod` for the only one while a
    subscription lives, and `StripeUnavailable`, also while another of this owner's cards is being changed.
    """
    with changing_cards(_customer(owner)):
        customer, found = _own(owner, method)
        others = [each for each in _of(customer) if each.id != found.id]
        if not others and _live(customer).exists():
            raise LastPaymentMethod("The subscription is paid with it: add another first, or cancel.")
        if found.is_default and others:
            _charge_to(customer, _best(others).id)
        methods.detach(found.id)


def settle(owner: Owner, session_id: str) -> SetupState:
    """For the page that Stripe leads back to: how adding went; a card that was added becomes the first default.

    It may be called again at will. Raises `UnknownPaymentMethod` for a session that is not this owner's.
    """
    state = methods.setup(session_id) if session_id.isascii() and session_id.startswith("cs_") else None
    ours = Customer.objects.filter(account__in=CreditAccount.objects.for_owner(owner))
    if state is None or not ours.filter(stripe_id=state.customer_id).exists():
        raise UnknownPaymentMethod("No such page on which a card was to be added.")
    _take(state)
    return state


def settle_setup(session_id: str) -> None:
    """The same when an event tells of it, for who never came back from Stripe's page."""
    if state := methods.setup(session_id):
        _take(state)


def charged(owner: Owner) -> Charged | None:
    """What is charged without the owner being there: their default. Raises `StripeUnavailable`."""
    customer = _customer(owner)
    default = next((each for each in _of(customer) if each.is_default), None) if customer else None
    return Charged(customer_id=str(customer.stripe_id), method=default) if customer and default else None


def portal_url(owner: Owner, *, return_url: str | None = None) -> str:
    """Stripe's customer portal, in which owners manage their cards and invoices. Raises `StripeUnavailable`."""
    return methods.portal(str(customer_of(owner).stripe_id), return_url or ReturnAddresses.of_methods().cancel)


def _take(state: SetupState) -> None:
    customer = Customer.objects.filter(stripe_id=state.customer_id, is_current=True).first()
    if customer is None or not state.is_complete or state.method_id is None:
        return
    found = _of(customer)
    if any(each.id == state.method_id for each in found) and not any(each.is_default for each in found):
        _charge_to(customer, state.method_id)


def _customer(owner: Owner) -> Customer | None:
    """None for who has never been at Stripe: nobody is made there only to be asked for cards."""
    accounts = CreditAccount.objects.for_owner(owner)
    return Customer.objects.filter(account__in=accounts, is_current=True, stripe_id__isnull=False).first()


def _of(customer: Customer) -> builtins.list[PaymentMethod]:
    found, default = methods.of_customer(str(customer.stripe_id))
    default = _of_subscription(customer) or default
    read = [_read(each, is_default=each["id"] == default) for each in found]
    return sorted(read, key=lambda each: (each.is_default, each.added_at), reverse=True)


def _of_subscription(customer: Customer) -> str | None:
    """What a subscription says goes before what its customer says."""
    subscription = _live(customer).order_by("-created_at", "-pk").first()
    return methods.of_subscription(subscription.stripe_id) if subscription else None


def _own(owner: Owner, method: PaymentMethod | str) -> tuple[Customer, PaymentMethod]:
    wanted = method if isinstance(method, str) else method.id
    customer = _customer(owner)
    for each in _of(customer) if customer else []:
        if customer and each.id == wanted:
            return customer, each
    raise UnknownPaymentMethod(f"{owner} has no payment method {wanted!r}.")


def _charge_to(customer: Customer, method_id: str) -> None:
    methods.charge_customer_to(str(customer.stripe_id), method_id)
    for subscription in _live(customer):
        methods.charge_subscription_to(subscription.stripe_id, method_id)


def _live(customer: Customer) -> Any:
    return PlanSubscription.objects.live().filter(account=customer.account)


def _best(found: builtins.list[PaymentMethod]) -> PaymentMethod:
    """The newest that has not expired, if there is one."""
    return max(found, key=lambda each: (not each.has_expired, each.added_at))


def _begun(customer: Customer, addresses: ReturnAddresses) -> dict[str, Any]:
    passed_on = {key: value for key, value in conf.CHECKOUT.items() if key in PASSED_ON}
    params = {
        **passed_on,
        "mode": "setup",
        "customer": customer.stripe_id,
        "payment_method_types": ["card"],
        "success_url": addresses.success,
        "cancel_url": addresses.cancel,
        "metadata": {"quickscale_account": str(customer.account_id)},
    }
    return methods.begin_setup(params, key=f"quickscale-setup-{uuid.uuid4()}")


def _read(method: dict[str, Any], *, is_default: bool) -> PaymentMethod:
    kind = method["type"]
    details = method.get(kind) or {}
    return PaymentMethod(
        id=method["id"],
        kind=kind,
        brand=details.get("brand") or kind,
        last4=details.get("last4") or "",
        exp_month=details.get("exp_month"),
        exp_year=details.get("exp_year"),
        is_default=is_default,
        added_at=datetime.fromtimestamp(method["created"], UTC),
    )
