"""What a paid Checkout session for packs means."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from quickscale_billing import clawing_back, fulfillment, payments
from quickscale_billing.exceptions import Unsettled
from quickscale_billing.models import CheckoutSession, CreditPack, Fact, Payment, Purchase
from quickscale_billing.stripe.readers import SessionLine, SessionState
from quickscale_credits.models import CreditAccount, CreditType


def checkout_of(state: SessionState) -> CheckoutSession | None:
    """The row that it was made from, though we were killed before we wrote down what it is called at Stripe."""
    checkouts = CheckoutSession.objects.select_related("account", "pack")
    if found := checkouts.filter(stripe_id=state.id).first():
        return found
    return checkouts.filter(pk=state.reference, stripe_id=None).first() if _is_uuid(state.reference) else None


def settle(
    account: CreditAccount,
    state: SessionState,
    checkout: CheckoutSession | None,
    money: payments.Money,
) -> None:
    """Give the packs that were paid, each line once. Raises `Unsettled` before anything is given."""
    packs = [(line, _pack(line, checkout)) for line in state.lines]
    with transaction.atomic():
        CreditAccount.objects.select_for_update().get(pk=account.pk)
        payment = payments.of_session(account, state, money)
        for line, pack in packs:
            _settle_line(payment, state, line, pack, checkout)
        clawing_back.set_right(payment)


def _settle_line(
    payment: Payment,
    state: SessionState,
    line: SessionLine,
    pack: CreditPack,
    checkout: CheckoutSession | None,
) -> None:
    account = payment.account
    terms = checkout if checkout is not None and checkout.stripe_price_id == line.price_id else pack
    fact = fulfillment.record(
        Fact.Kind.PACK,
        f"session:{state.id}:{line.id}",
        account,
        terms.credits * line.quantity + terms.bonus_credits,
        stripe_id=state.id,
        credit_type=CreditType.PAY_AS_YOU_GO,
    )
    if fact is not None and fact.entry is not None:
        Payment.objects.filter(pk=payment.pk).count_anew()
        Purchase.objects.create(
            account=account,
            pack=pack,
            checkout=checkout,
            quantity=line.quantity,
            credits=terms.credits,
            bonus_credits=terms.bonus_credits,
            amount=line.total,
            tax=line.tax,
            discount=line.discount,
            currency=state.currency,
            stripe_session_id=state.id,
            stripe_line_id=line.id,
            stripe_customer_id=state.customer_id,
            stripe_payment_intent_id=state.payment_intent_id,
            payment=payment,
            entry=fact.entry,
        )


def _pack(line: SessionLine, checkout: CheckoutSession | None) -> CreditPack:
    sold: CreditPack | None = checkout.pack if checkout and checkout.stripe_price_id == line.price_id else None
    pack = sold or CreditPack.objects.filter(stripe_price_id=line.price_id).first()
    if pack is None:
        raise Unsettled(
            f"Stripe's price {line.price_id} is of no pack here: name it in the catalog, then settle again."
        )
    return pack


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
